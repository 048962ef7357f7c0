import { messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import type { Machine } from './machine.ts';

const file = '/proc/kallsyms';
/** Reading costs about a tenth of a second, and only symbols of modules and BPF programs come and go. */
const ages = { maxAgeMs: 3_600_000, missAgeMs: 300_000 };
/** A kernel has 100,000 to 250,000. */
const maxSymbols = 1 << 20;
/** No further from a symbol than this is an address its: functions are small, and behind the last one is nothing. */
const maxDistanceBytes = 1 << 20;

/** Names of the kernel's addresses. */
export class KernelSymbols {
  readonly #machine: Machine;
  readonly #table: Fresh<SymbolTable>;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#table = new Fresh(() => this.#read(), machine.clock, ages);
    // Now, while a BPF is loaded, rather than during a scrape.
    this.at(base);
  }

  /** The symbol at exactly this address; of several the first in kallsyms, as the kernel prints it. */
  at(address: bigint): string | undefined {
    return this.#table.find((table) => table.find(address, 0));
  }

  /** The symbol that this address is in. */
  around(address: bigint): string | undefined {
    return this.#table.find((table) => table.find(address, maxDistanceBytes));
  }

  #read(): SymbolTable {
    try {
      const table = parseSymbols(this.#machine.readFile(file));
      // kernel.kptr_restrict: whoever may not know gets zeros.
      if (table.size === 0)
        this.#machine.warn(`name kernel symbols: all addresses in ${file} are hidden [give the agent CAP_SYSLOG]`);
      return table;
    } catch (thrown) {
      this.#machine.warn(`name kernel symbols: ${messageOf(thrown)}`);
      return parseSymbols(new Uint8Array(0));
    }
  }
}

/**
 * Addresses as distances from 2^64 - 2^53: kernel text and modules are within, on x86-64 (last 2 GiB) and arm64 (at most
 * 52 bits of address), and such a distance is exact as a float64. What is below is user space, or per-CPU offsets.
 */
const base = 2n ** 64n - 2n ** 53n;
const baseHigh = 0xffe0_0000;

/** Sorted addresses and, for each, where its name is: 12 bytes and the name, since there are so many. */
class SymbolTable {
  readonly #distances: Float64Array;
  readonly #nameEnds: Uint32Array;
  readonly #names: Buffer;

  constructor(distances: Float64Array, nameEnds: Uint32Array, names: Buffer) {
    this.#distances = distances;
    this.#nameEnds = nameEnds;
    this.#names = names;
  }

  get size(): number {
    return this.#distances.length;
  }

  find(address: bigint, maxDistance: number): string | undefined {
    if (address < base) return undefined;
    const wanted = Number(address - base);
    // The first that is above.
    let [low, high] = [0, this.#distances.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#distances[middle] ?? 0) <= wanted) low = middle + 1;
      else high = middle;
    }
    const below = this.#distances[low - 1];
    if (below === undefined || wanted - below > maxDistance) return undefined;
    // Of aliases the first.
    let index = low - 1;
    while (index > 0 && this.#distances[index - 1] === below) index--;
    return this.#names.toString('latin1', index === 0 ? 0 : this.#nameEnds[index - 1], this.#nameEnds[index]);
  }
}

interface Lines {
  readonly distances: Float64Array;
  readonly nameStarts: Uint32Array;
  readonly nameEnds: Uint32Array;
  readonly count: number;
  /** Of all names together. */
  readonly namesBytes: number;
}

/** `ffffffff81000000 T _text`, for a module with `\t[module]` behind (proc_kallsyms(5)). */
function parseSymbols(text: Uint8Array): SymbolTable {
  const { distances, nameStarts, nameEnds, count, namesBytes } = readLines(text);
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  // The kernel's own come sorted; modules' follow. Aliases keep their order.
  if (!isSorted(distances, count)) order.sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b);
  const sorted = new Float64Array(count);
  const ends = new Uint32Array(count);
  const names = Buffer.alloc(namesBytes);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const from = order[i] ?? 0;
    const nameEnd = nameEnds[from] ?? 0;
    for (let at = nameStarts[from] ?? 0; at < nameEnd; at++) names[end++] = text[at] ?? 0;
    sorted[i] = distances[from] ?? 0;
    ends[i] = end;
  }
  return new SymbolTable(sorted, ends, names);
}

const space = 0x20;
const lineFeed = 0x0a;
const tab = 0x09;
/** Sixteen digits, a space, the type, a space. */
const nameAt = 19;
/** No line is shorter than an address, a type and a name of one letter. */
const minLineBytes = nameAt + 2;

function readLines(text: Uint8Array): Lines {
  const room = Math.min(maxSymbols, Math.ceil(text.length / minLineBytes));
  const lines = {
    distances: new Float64Array(room),
    nameStarts: new Uint32Array(room),
    nameEnds: new Uint32Array(room),
  };
  let [count, namesBytes] = [0, 0];
  for (let at = 0; at < text.length && count < room; ) {
    let end = at;
    while (end < text.length && text[end] !== lineFeed) end++;
    const high = hexAt(text, at);
    if (high >= baseHigh && text[at + 16] === space) {
      let nameEnd = at + nameAt;
      while (nameEnd < end && text[nameEnd] !== tab && text[nameEnd] !== space) nameEnd++;
      lines.distances[count] = (high - baseHigh) * 2 ** 32 + hexAt(text, at + 8);
      lines.nameStarts[count] = at + nameAt;
      lines.nameEnds[count] = nameEnd;
      namesBytes += nameEnd - (at + nameAt);
      count++;
    }
    at = end + 1;
  }
  return { ...lines, count, namesBytes };
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

function isSorted(values: Float64Array, count: number): boolean {
  for (let i = 1; i < count; i++) if ((values[i] ?? 0) < (values[i - 1] ?? 0)) return false;
  return true;
}
