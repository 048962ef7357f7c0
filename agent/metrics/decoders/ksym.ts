import { type Decoder, naming, unreadable } from './decoder.ts';
import type { KernelSymbols } from './kernel-symbols.ts';
import { unsignedOf } from './numbers-in.ts';

const addressBytes = 8;

/** The address of a function or variable of the kernel, its very first byte, to its name; else `unknown_addr:0x…`. */
export const ksymDecoder = (symbols: KernelSymbols): Decoder =>
  naming(symbols.names, (input) => {
    const address = input.length === addressBytes ? unsignedOf(input) : undefined;
    if (address === undefined) return unreadable(input);
    return symbols.at(address) ?? `unknown_addr:0x${address.toString(16)}`;
  });
