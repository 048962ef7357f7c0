import { type Decoder, naming } from './decoder.ts';
import type { KernelSymbols } from './kernel-symbols.ts';

const addressBytes = 8;
/** PERF_MAX_STACK_DEPTH */
const maxFrames = 127;

/** Addresses of a kernel stack's frames, up to the first 0, to the functions that they are in, a line each; `??` for none. */
export const kstackDecoder = (symbols: KernelSymbols): Decoder =>
  naming(symbols.names, (input) => {
    const view = new DataView(input.buffer, input.byteOffset, input.length);
    const frames: string[] = [];
    for (let at = 0; at + addressBytes <= input.length && frames.length < maxFrames; at += addressBytes) {
      const address = view.getBigUint64(at, true);
      if (address === 0n) break;
      frames.push(symbols.around(address) ?? '??');
    }
    return frames.join('\n');
  });
