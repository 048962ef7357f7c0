/**
 * Addresses as distances from 2^64 - 2^53: kernel text and modules are within, on x86-64 (last 2 GiB) and arm64 (at most
 * 52 bits of address), and such a distance is exact as a float64. What is below is user space, or per-CPU offsets.
 */
const base = 2n ** 64n - 2n ** 53n;
const baseHigh = 0xffe0_0000;

/** Symbols that are sorted in one go, which takes a millisecond or two. */
const blockSymbols = 4096;
/** Room for their names; a block whose names need more has fewer symbols. */
const blockNamesBytes = blockSymbols * 48;
/** KSYM_NAME_LEN of the kernel; a longer line is none of its. */
const maxNameBytes = 512;
/** A kernel has 100,000 to 250,000. */
const maxSymbols = 1 << 20;

/** Whether there could be a symbol at this address at all. */
export const isKernelAddress = (address: bigint): boolean => address >= base;

/** Names by address, in blocks as they came, each sorted in itself: 12 bytes and the name for each, since they are many. */
export class SymbolTable {
  readonly #blocks: readonly Block[];
  readonly size: number;

  constructor(blocks: readonly Block[]) {
    this.#blocks = blocks;
    this.size = blocks.reduce((sum, { distances }) => sum + distances.length, 0);
  }

  /** The name of the nearest symbol at or below, no further away than that; of several there, the first that was added. */
  find(address: bigint, maxDistance: number): string | undefined {
    if (!isKernelAddress(address)) return undefined;
    const wanted = Number(address - base);
    let nearest: Block | undefined;
    let index = -1;
    let below = wanted - maxDistance - 1;
    for (const block of this.#blocks) {
      const at = lastUpTo(block.distances, wanted);
      const distance = block.distances[at];
      if (distance === undefined || distance <= below) continue;
      [nearest, index, below] = [block, at, distance];
    }
    if (nearest === undefined) return undefined;
    const { distances, nameEnds, names } = nearest;
    while (index > 0 && distances[index - 1] === below) index--;
    return names.toString('latin1', index === 0 ? 0 : nameEnds[index - 1], nameEnds[index]);
  }
}

interface Block {
  /** Ascending; equal ones as they came. */
  readonly distances: Float64Array;
  /** Where each one's name ends in `names`, which is where the next one's begins. */
  readonly nameEnds: Uint32Array;
  readonly names: Buffer;
}

/** The last that is not above `wanted`; -1 where all are. */
function lastUpTo(distances: Float64Array, wanted: number): number {
  let [low, high] = [0, distances.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((distances[middle] ?? 0) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const space = 0x20;
const lineFeed = 0x0a;
const tab = 0x09;
/** Sixteen digits, a space, the type, a space. */
const nameAt = 19;

/** Makes a table of the text of /proc/kallsyms, piece by piece, without ever having the whole text. */
export class SymbolReader {
  readonly #blocks: Block[] = [];
  readonly #distances = new Float64Array(blockSymbols);
  readonly #ends = new Uint32Array(blockSymbols);
  readonly #names = Buffer.alloc(blockNamesBytes);
  #count = 0;
  #total = 0;
  /** A line that goes on in the next piece. */
  #rest = Buffer.alloc(0);

  add(piece: Uint8Array): void {
    const text = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    for (let end = text.indexOf(lineFeed); end >= 0; end = text.indexOf(lineFeed, at)) {
      this.#addLine(text, at, end);
      at = end + 1;
    }
    const isLine = text.length - at <= nameAt + 2 * maxNameBytes;
    this.#rest = isLine ? Buffer.from(text.subarray(at)) : Buffer.alloc(0);
  }

  /** To be called once, at the end. */
  table(): SymbolTable {
    if (this.#rest.length > 0) this.#addLine(this.#rest, 0, this.#rest.length);
    this.#close();
    return new SymbolTable(this.#blocks);
  }

  /** `ffffffff81000000 T _text`, for a module with `\t[module]` behind (proc_kallsyms(5)). */
  #addLine(text: Uint8Array, at: number, end: number): void {
    const high = hexAt(text, at);
    if (!(high >= baseHigh) || end - at <= nameAt || text[at + 16] !== space || this.#total >= maxSymbols) return;
    let nameEnd = at + nameAt;
    while (nameEnd < end && text[nameEnd] !== tab && text[nameEnd] !== space) nameEnd++;
    const name = text.subarray(at + nameAt, Math.min(nameEnd, at + nameAt + maxNameBytes));
    const start = this.#ends[this.#count - 1] ?? 0;
    if (this.#count === blockSymbols || start + name.length > blockNamesBytes) {
      this.#close();
      this.#addLine(text, at, end);
      return;
    }
    this.#names.set(name, start);
    this.#distances[this.#count] = (high - baseHigh) * 2 ** 32 + hexAt(text, at + 8);
    this.#ends[this.#count] = start + name.length;
    this.#count++;
    this.#total++;
  }

  #close(): void {
    const count = this.#count;
    if (count === 0) return;
    const ends = this.#ends.subarray(0, count);
    const distances = this.#distances.slice(0, count);
    const names = Buffer.allocUnsafeSlow(ends[count - 1] ?? 0);
    if (isSorted(distances)) {
      this.#names.copy(names, 0, 0, names.length);
      this.#blocks.push({ distances, nameEnds: ends.slice(), names });
    } else {
      this.#blocks.push(sorted(distances, ends, this.#names, names));
    }
    this.#count = 0;
  }
}

/** The kernel's own symbols come sorted; those of modules, and what was made while it runs, do not. */
function sorted(distances: Float64Array, ends: Uint32Array, from: Buffer, names: Buffer): Block {
  const order = Uint32Array.from(distances, (_, i) => i);
  order.sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b);
  const nameEnds = new Uint32Array(order.length);
  let end = 0;
  for (const [i, source] of order.entries()) {
    end += from.copy(names, end, source === 0 ? 0 : ends[source - 1], ends[source]);
    nameEnds[i] = end;
  }
  return { distances: Float64Array.from(order, (source) => distances[source] ?? 0), nameEnds, names };
}

function isSorted(values: Float64Array): boolean {
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) < (values[i - 1] ?? 0)) return false;
  return true;
}

/** Eight digits. */
function hexAt(text: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 8; i++) {
    const byte = text[i] ?? 0;
    value = value * 16 + (byte <= 0x39 ? byte - 0x30 : byte - 0x57);
  }
  return value;
}
