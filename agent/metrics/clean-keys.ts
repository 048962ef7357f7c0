import { losslessBits } from '../../bpf/metrics/distinct.ts';
import { type LabelPlan, maxLabelValueBytes } from '../../bpf/metrics/plan.ts';

/**
 * Whether keys that a plan could not promise to be distinct are so nevertheless: with zeros for padding and behind the
 * end of their text, which is ASCII, two different keys differ in what their labels show. Almost all programs write such
 * keys, and theirs need not be compared with each other.
 */
export class CleanKeys {
  /** Whether all keys of the last whole walk were clean, so that those of the next may be taken for it. */
  expected = true;
  readonly #keySizeBytes: number;
  readonly #texts: readonly { readonly offsetBytes: number; readonly sizeBytes: number }[];
  /** What must be zero: these bits of these bytes. */
  readonly #padding: readonly { readonly offsetBytes: number; readonly mask: number }[];

  constructor(labels: readonly LabelPlan[], keySizeBytes: number) {
    const readings = labels.filter(({ from }) => from === 'key').map(({ reading }) => reading);
    const shown = losslessBits(readings, keySizeBytes);
    this.#keySizeBytes = keySizeBytes;
    // Longer text may be cut.
    this.#texts = readings.flatMap((reading) =>
      reading.kind === 'text' && reading.sizeBytes <= maxLabelValueBytes ? [reading] : [],
    );
    for (const { offsetBytes, sizeBytes } of this.#texts) shown.fill(0xff, offsetBytes, offsetBytes + sizeBytes);
    this.#padding = Array.from(shown, (bits, offsetBytes) => ({ offsetBytes, mask: ~bits & 0xff })).filter(
      ({ mask }) => mask !== 0,
    );
  }

  /** Of the keys `from` to `to`, packed. */
  areClean(keys: DataView, from: number, to: number): boolean {
    const sizeBytes = this.#keySizeBytes;
    for (let at = from * sizeBytes; at < to * sizeBytes; at += sizeBytes) {
      for (const { offsetBytes, mask } of this.#padding) {
        if ((keys.getUint8(at + offsetBytes) & mask) !== 0) return false;
      }
      for (const text of this.#texts) {
        if (!isCleanText(keys, at + text.offsetBytes, text.sizeBytes)) return false;
      }
    }
    return true;
  }
}

/** ASCII without NUL, then zeros; four bytes at a time. */
function isCleanText(keys: DataView, at: number, sizeBytes: number): boolean {
  let ended = false;
  let i = 0;
  for (; i + 4 <= sizeBytes; i += 4) {
    const word = keys.getUint32(at + i, true);
    if (word === 0) {
      ended = true;
      continue;
    }
    if (ended || (word & 0x80808080) !== 0) return false;
    // Of ASCII bytes, those that are zero: adding 0x7f sets the topmost bit of all others, and carries nothing over.
    const zeros = ~(word + 0x7f7f7f7f) & 0x80808080;
    if (zeros === 0) continue;
    // From the first zero on, all must be.
    const topOfFirst = 31 - Math.clz32(zeros & -zeros);
    if (word >>> (topOfFirst - 7) !== 0) return false;
    ended = true;
  }
  for (; i < sizeBytes; i++) {
    const byte = keys.getUint8(at + i);
    if (byte === 0) ended = true;
    else if (ended || byte >= 0x80) return false;
  }
  return true;
}
