import type { Enumerators } from '../../../bpf/object/enumerators.ts';
import { type Decoder, naming, unreadable } from './decoder.ts';
import type { KernelEnums } from './kernel-enums.ts';
import { signedOf, unsignedOf } from './numbers-in.ts';

/**
 * 1, 2, 4 or 8 bytes to the enumerator's name; a value without one in decimal. The running kernel's names count, since it
 * is its numbers that a program reads; those that the object was compiled with only where the kernel has no such type.
 */
export function enumDecoder(enums: KernelEnums, type: string, own?: Enumerators): Decoder {
  enums.want(type, own === undefined);
  return naming(enums.names, (input) => {
    const value = unsignedOf(input);
    if (value === undefined) return unreadable(input);
    const kernel = enums.of(type);
    const names = kernel.size === 0 && own !== undefined ? own : kernel;
    return names.get(value) ?? names.get(signedOf(input) ?? value) ?? String(value);
  });
}
