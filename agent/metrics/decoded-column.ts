import { type LabelPlan, maxLabelValueBytes, type Reading } from '../../bpf/metrics/plan.ts';
import { type DecoderSpec, decoderInputs } from '../../crds/decoder.ts';
import { Answers } from './answers.ts';
import { type Column, dropped } from './columns.ts';
import type { DecoderChain } from './decoders/decoder.ts';
import { type Halves, numberReader } from './numbers.ts';
import { maxEscapedBytes, type Piece, pieceOfBytes, wordBytes, writePiece, writeUntrusted } from './text.ts';

/** What a label's decoders are made with. */
export interface DecoderTools {
  /** Throws for parameters that nothing can be made of. */
  readonly decoders: (specs: readonly DecoderSpec[], enums?: LabelPlan['enums']) => DecoderChain;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * A label that a chain of decoders makes of its reading, which `plain` shows as it is. What the chain gave is kept by
 * the bytes that went in, for a while, so that a scrape mostly copies bytes.
 */
export function decodedColumn(
  plain: Column,
  reading: Reading,
  specs: NonNullable<LabelPlan['decoders']>,
  tools: DecoderTools,
  enums?: LabelPlan['enums'],
): Column {
  const decoder = tools.decoders(specs, enums);
  const [first] = specs;
  const input = first === undefined || decoderInputs[first.name] === 'text' ? shownInput(plain) : rawInput(reading);
  const known = new Answers<string | number, Piece>(tools.now);
  const room = new DataView(new ArrayBuffer(maxEscapedBytes + wordBytes));
  const ask = (asked: Uint8Array): Piece => {
    const answer = decoder.decode(asked);
    if (answer === undefined) return noSeries;
    const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
    return pieceOfBytes(new Uint8Array(room.buffer, 0, writeUntrusted(view, 0, answer.length, room, 0)));
  };
  const { names } = decoder;
  const misses = (): number => names.reduce((sum, source) => sum + source.misses, 0);
  return {
    maxBytes: maxEscapedBytes,
    names,
    refresh: () => known.refresh(),
    write: (source, from, out, at) => {
      const key = input.key(source, from);
      let piece = known.get(key);
      if (piece === undefined) {
        const missesBefore = misses();
        piece = ask(input.bytes());
        // Not known yet, rather than unknown: a series with a name that is not its own would be another series.
        if (misses() !== missesBefore) return dropped;
        known.set(key, piece);
      }
      return piece === noSeries ? dropped : writePiece(out, at, piece);
    },
  };
}

const noSeries: Piece = { words: new Float64Array(), sizeBytes: 0 };

/** What the first decoder takes. */
interface Input {
  /** Different for different inputs. */
  key(source: DataView, from: number): string | number;
  /** The input that `key` was last asked of. */
  bytes(): Uint8Array;
}

/** As it is in the map. */
function rawInput(reading: Reading): Input {
  const place = reading.kind === 'enum' ? reading.number : reading;
  if (place.kind === 'bits') return bitsInput(place);
  const { offsetBytes, sizeBytes } = place;
  let whole = Buffer.alloc(0);
  let start = 0;
  return {
    key: (source, from) => {
      if (whole.buffer !== source.buffer) whole = Buffer.from(source.buffer as ArrayBuffer);
      start = source.byteOffset + from + offsetBytes;
      if (sizeBytes === 4) return source.getUint32(from + offsetBytes, true);
      return whole.toString('latin1', start, start + sizeBytes);
    },
    bytes: () => whole.subarray(start, start + sizeBytes),
  };
}

function bitsInput(reading: Extract<Reading, { kind: 'bits' }>): Input {
  const read = numberReader(reading);
  const halves: Halves = new Uint32Array(2);
  const bytes = Buffer.alloc(8);
  return {
    key: (source, from) => {
      read(source, from, halves);
      bytes.writeUInt32LE(halves[0] ?? 0, 0);
      bytes.writeUInt32LE(halves[1] ?? 0, 4);
      return bytes.toString('latin1');
    },
    bytes: () => bytes,
  };
}

/** As the label would show it without decoders. */
function shownInput({ write }: Column): Input {
  const room = Buffer.alloc(maxEscapedBytes + maxLabelValueBytes);
  const view = new DataView(room.buffer, room.byteOffset, room.length);
  let end = 0;
  return {
    key: (source, from) => {
      end = write(source, from, view, 0);
      return room.toString('latin1', 0, end);
    },
    bytes: () => unescaped(room.subarray(0, end)),
  };
}

function unescaped(text: Buffer): Buffer {
  const plain = Buffer.alloc(text.length);
  let end = 0;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i];
    plain[end++] = byte !== backslash ? (byte ?? 0) : text[++i] === letterN ? lineFeed : (text[i] ?? 0);
  }
  return plain.subarray(0, end);
}

const backslash = 0x5c;
const letterN = 0x6e;
const lineFeed = 0x0a;
