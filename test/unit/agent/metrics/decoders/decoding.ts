import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Decoder } from '../../../../../agent/metrics/decoders/decoder.ts';
import { DecoderEnv } from '../../../../../agent/metrics/decoders/decoder-env.ts';
import type { Machine } from '../../../../../agent/metrics/decoders/machine.ts';
import { makeDecoder } from '../../../../../agent/metrics/decoders/make-decoder.ts';
import type { DecoderSpec } from '../../../../../crds/decoder.ts';
import { ManualClock } from '../../../../fakes/manual-clock.ts';

type Files = Record<string, string | Uint8Array>;

/** A machine that has these files, whose contents a test may change, and nothing else. Each answer takes a turn. */
export class FakeMachine implements Machine {
  readonly files: Files;
  /** By path; a folder's links are counted. */
  readonly inodes: Record<string, number>;
  readonly clock = new ManualClock();
  readonly architecture: string;
  readonly warnings: string[] = [];
  /** Of `read`, `list` and `folders`, in order. */
  readonly asked: string[] = [];
  /** Bytes of a file that come at a time. */
  pieceBytes = 4096;
  /** Turns that were given to others so far; and most of the machine's answers that came in one of them. */
  turns = 0;
  mostAnswersInTurn = 0;
  #answersInTurn = 0;

  constructor(files: Files = {}, inodes: Record<string, number> = {}, architecture = 'x64') {
    this.files = files;
    this.inodes = inodes;
    this.architecture = architecture;
  }

  async *read(path: string): AsyncGenerator<Uint8Array> {
    this.asked.push(path);
    await this.#answer();
    const file = this.files[path];
    if (file === undefined) throw missing(path);
    const piece = Buffer.alloc(this.pieceBytes);
    const bytes = Buffer.from(file);
    for (let at = 0; at < bytes.length; at += this.pieceBytes) {
      if (at > 0) await this.#answer();
      yield piece.subarray(0, bytes.copy(piece, 0, at));
    }
  }

  async *list(folder: string): AsyncGenerator<string> {
    this.asked.push(folder);
    await this.#answer();
    const names = [...new Set([...this.#below(folder, this.files), ...this.#below(folder, this.inodes)])];
    if (names.length === 0) throw missing(folder);
    yield* names;
  }

  async *folders(folder: string): AsyncGenerator<string> {
    this.asked.push(folder);
    await this.#answer();
    yield* this.#below(folder, this.inodes);
  }

  async stat(path: string): Promise<{ readonly inode: bigint; readonly links: number }> {
    await this.#answer();
    const inode = this.inodes[path];
    if (inode === undefined) throw missing(path);
    return { inode: BigInt(inode), links: 2 + this.#below(path, this.inodes).length };
  }

  async pause(): Promise<void> {
    await this.#answer();
  }

  warn(message: string): void {
    this.warnings.push(message);
  }

  async #answer(): Promise<void> {
    await nextTurn();
    this.#answersInTurn++;
    this.mostAnswersInTurn = Math.max(this.mostAnswersInTurn, this.#answersInTurn);
    if (this.#answersInTurn > 1) return;
    // The first of this turn: what comes behind it in the queue is of the same turn.
    setImmediate(() => {
      this.turns++;
      this.#answersInTurn = 0;
    });
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

/** What comes out for bytes, or for text, as text, at once. */
export function shownBy(decoder: Pick<Decoder, 'decode'>, input: Uint8Array | string): string | undefined {
  // In the midst of a larger buffer, where a decoder that looks past its input sees 0xa5.
  const bytes = Buffer.from(input);
  const around = Buffer.alloc(bytes.length + 32, 0xa5);
  around.set(bytes, 13);
  const output = decoder.decode(around.subarray(13, 13 + bytes.length));
  return output === undefined ? undefined : Buffer.from(output).toString();
}

/** What a scrape shows: names are made ready, and once more where something was asked for that is new to them. */
export async function scrapedBy(decoder: Decoder, input: Uint8Array | string): Promise<string | undefined> {
  await decoder.names?.prepare();
  const before = decoder.names?.misses;
  const shown = shownBy(decoder, input);
  if (decoder.names?.misses === before) return shown;
  await decoder.names?.prepare();
  return shownBy(decoder, input);
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
