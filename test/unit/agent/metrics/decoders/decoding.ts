import type { Decoder } from '../../../../../agent/metrics/decoders/decoder.ts';
import { DecoderEnv } from '../../../../../agent/metrics/decoders/decoder-env.ts';
import type { Machine } from '../../../../../agent/metrics/decoders/machine.ts';
import { makeDecoder } from '../../../../../agent/metrics/decoders/make-decoder.ts';
import type { DecoderSpec } from '../../../../../crds/decoder.ts';
import { ManualClock } from '../../../../fakes/manual-clock.ts';

type Files = Record<string, string | Uint8Array>;

/** A machine that has these files, whose contents a test may change, and nothing else. */
export class FakeMachine implements Machine {
  readonly files: Files;
  /** By path; a folder's links are counted. */
  readonly inodes: Record<string, number>;
  readonly clock = new ManualClock();
  readonly architecture: string;
  readonly warnings: string[] = [];
  /** Of `readFile`, `list` and `folders`, in order. */
  readonly asked: string[] = [];

  constructor(files: Files = {}, inodes: Record<string, number> = {}, architecture = 'x64') {
    this.files = files;
    this.inodes = inodes;
    this.architecture = architecture;
  }

  readFile(path: string): Uint8Array {
    this.asked.push(path);
    const file = this.files[path];
    if (file === undefined) throw missing(path);
    return Buffer.from(file);
  }

  list(folder: string): readonly string[] {
    this.asked.push(folder);
    const names = [...new Set([...this.#below(folder, this.files), ...this.#below(folder, this.inodes)])];
    if (names.length === 0) throw missing(folder);
    return names;
  }

  folders(folder: string): readonly string[] {
    this.asked.push(folder);
    return this.#below(folder, this.inodes);
  }

  stat(path: string): { readonly inode: bigint; readonly links: number } {
    const inode = this.inodes[path];
    if (inode === undefined) throw missing(path);
    return { inode: BigInt(inode), links: 2 + this.#below(path, this.inodes).length };
  }

  warn(message: string): void {
    this.warnings.push(message);
  }

  #below(folder: string, paths: object): string[] {
    const inside = Object.keys(paths).filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(inside.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
  }
}

const missing = (path: string): Error =>
  Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });

export const decoderOf = (spec: DecoderSpec, machine: Machine = new FakeMachine()): Decoder =>
  makeDecoder(spec, new DecoderEnv(machine));

/** What comes out for bytes, or for text, as text. */
export function shownBy(decoder: Decoder, input: Uint8Array | string): string | undefined {
  // In the midst of a larger buffer, where a decoder that looks past its input sees 0xa5.
  const bytes = Buffer.from(input);
  const around = Buffer.alloc(bytes.length + 32, 0xa5);
  around.set(bytes, 13);
  const output = decoder.decode(around.subarray(13, 13 + bytes.length));
  return output === undefined ? undefined : Buffer.from(output).toString();
}

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

export function u32(value: number): Uint8Array {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

export function u64(...values: bigint[]): Uint8Array {
  const buffer = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => {
    buffer.writeBigUInt64LE(value, 8 * i);
  });
  return buffer;
}
