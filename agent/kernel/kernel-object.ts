import type { BpfMapPtr, BpfObjectPtr, BpfProgramPtr, Libbpf, LogLine } from '../libbpf/binding.ts';
import { checkInt, checkPointer, LibbpfError } from '../libbpf/check.ts';
import { BPF_F_NO_COMMON_LRU, isLru } from './bpf-types.ts';
import { KernelMap } from './kernel-map.ts';

/**
 * The verifier's log of one program. Only the pages that the kernel writes cost memory, so it is generous: kernels before
 * 6.4 keep the head of a log that does not fit, and it is the tail that tells.
 */
const verifierLogBytes = 1024 * 1024;
/** libbpf's lines of one load that are kept, the last ones: the cause stands at the end. */
const maxLogLines = 64;
/** The most programs that an object may have: each gets a log buffer. Whoever opens one looks first. */
export const maxPrograms = 256;

/** What a failed open or load had to say beside its errno. */
export interface LoadLog {
  /** libbpf's warnings, in order, without their `libbpf: ` prefix. */
  readonly lines: readonly string[];
  /** The program that the verifier spoke about, with its whole log; undefined where it was not the verifier. */
  readonly verifier: { readonly program: string; readonly log: string } | undefined;
}

/** open, load or attach failed. `error` is what the call said, `log` what libbpf and the verifier said meanwhile. */
export class ObjectFailure extends Error {
  readonly phase: 'open' | 'load' | 'attach';
  readonly error: LibbpfError;
  readonly log: LoadLog;
  /** Of an attach: the program that was to be attached. */
  readonly program: { readonly name: string; readonly section: string } | undefined;

  constructor(phase: ObjectFailure['phase'], error: LibbpfError, log: LoadLog, program?: ObjectFailure['program']) {
    super(error.message, { cause: error });
    this.name = 'ObjectFailure';
    this.phase = phase;
    this.error = error;
    this.log = log;
    this.program = program;
  }
}

/** libbpf's warnings from here until disposed. One at a time: the print callback is one for the process. */
export class LogCollector implements Disposable {
  readonly lines: string[] = [];
  readonly #lib: Libbpf;

  constructor(lib: Libbpf) {
    this.#lib = lib;
    lib.setLogSink((line: LogLine) => {
      this.lines.push(line.text.replace(/^libbpf: /, '').trimEnd());
      if (this.lines.length > maxLogLines) this.lines.shift();
    });
  }

  [Symbol.dispose](): void {
    this.#lib.setLogSink(undefined);
  }
}

/** A map of an object that is open but not loaded: it has a shape, and no fd. */
export interface OpenMap {
  /** As the object declares it; `.bss`, `.data`, … for the maps that libbpf makes of sections. */
  readonly name: string;
  /**
   * The map will live at `path` of bpffs: one found there is taken over, else a new one is put there. Undefined: it will
   * not be pinned, even where the object asks libbpf to (LIBBPF_PIN_BY_NAME).
   */
  pinAt(path: string | undefined): void;
  /** The bytes that a section's map starts with; empty for other maps. */
  initial(): Buffer;
  /** Other bytes for a section to start with, all of them. */
  setInitial(bytes: Uint8Array): void;
  resize(maxEntries: number): void;
}

/** Opened, not loaded: sizes, pins and types may still be set. `load` turns it into a LoadedObject and uses it up. */
export class OpenObject implements Disposable {
  readonly name: string;
  readonly #lib: Libbpf;
  /** Held until the load is over: newer libbpf reads the ELF again then. */
  readonly #bytes: Uint8Array;
  #object: BpfObjectPtr | null;

  private constructor(lib: Libbpf, object: BpfObjectPtr, name: string, bytes: Uint8Array) {
    this.#lib = lib;
    this.#object = object;
    this.#bytes = bytes;
    this.name = name;
  }

  /** `btfPath` as in OpenOptions. Throws ObjectFailure. */
  static open(lib: Libbpf, name: string, bytes: Uint8Array, btfPath?: string): OpenObject {
    using log = new LogCollector(lib);
    try {
      const object = lib.bpf_object__open_mem(bytes, { objectName: name, ...(btfPath !== undefined && { btfPath }) });
      return new OpenObject(lib, checkPointer(lib, 'bpf_object__open_mem', name, object), name, bytes);
    } catch (thrown) {
      throw asFailure('open', thrown, { lines: log.lines, verifier: undefined });
    }
  }

  maps(): OpenMap[] {
    const lib = this.#lib;
    return mapsOf(lib, this.#live()).map(({ pointer, name }) => {
      const check = (call: string, result: number) => void checkInt(lib, call, `of map ${name}`, result);
      return {
        name,
        initial: () => lib.bpf_map__initial_value(pointer),
        setInitial: (bytes) => check('bpf_map__set_initial_value', lib.bpf_map__set_initial_value(pointer, bytes)),
        resize: (max) => check('bpf_map__set_max_entries', lib.bpf_map__set_max_entries(pointer, max)),
        pinAt: (path) => check('bpf_map__set_pin_path', lib.bpf_map__set_pin_path(pointer, path ?? null)),
      };
    });
  }

  /** Gives a type (BPF_PROG_TYPE_*, by program) to the programs whose section libbpf cannot make sense of. */
  setTypes(types: ReadonlyMap<string, number>): void {
    for (const program of programsOf(this.#lib, this.#live())) {
      const name = this.#lib.bpf_program__name(program);
      const type = types.get(name);
      if (type === undefined || this.#lib.bpf_program__type(program) !== 0) continue;
      checkInt(this.#lib, 'bpf_program__set_type', name, this.#lib.bpf_program__set_type(program, type));
    }
  }

  /** Loads these programs and no others, whatever their SEC() says. */
  enable(on: ReadonlySet<string>): void {
    for (const program of programsOf(this.#lib, this.#live())) {
      const name = this.#lib.bpf_program__name(program);
      const result = this.#lib.bpf_program__set_autoload(program, on.has(name));
      checkInt(this.#lib, 'bpf_program__set_autoload', name, result);
    }
  }

  /** Creates the maps and has the verifier check every program, off the event loop. Throws ObjectFailure. */
  async load(): Promise<LoadedObject> {
    const lib = this.#lib;
    const object = this.#live();
    for (const { pointer, name } of mapsOf(lib, object)) sizeAsTheKernelWill(lib, pointer, name);
    const logs = programsOf(lib, object).map((pointer) => {
      const buffer = Buffer.allocUnsafeSlow(verifierLogBytes);
      buffer[0] = 0;
      const program = lib.bpf_program__name(pointer);
      checkInt(lib, 'bpf_program__set_log_buf', program, lib.bpf_program__set_log_buf(pointer, buffer));
      return { program, buffer };
    });
    using log = new LogCollector(lib);
    try {
      const result = await lib.bpf_object__load(object);
      checkInt(lib, 'bpf_object__load', `${this.name} (${this.#bytes.length} bytes)`, result);
    } catch (thrown) {
      const told = logs.findLast(({ buffer }) => buffer[0] !== 0);
      const verifier = told && { program: told.program, log: textUpToNul(told.buffer) };
      throw asFailure('load', thrown, { lines: log.lines, verifier });
    }
    this.#object = null;
    return new LoadedObject(lib, object, this.name);
  }

  [Symbol.dispose](): void {
    if (this.#object === null) return;
    this.#lib.bpf_object__close(this.#object);
    this.#object = null;
  }

  #live(): BpfObjectPtr {
    if (this.#object === null) throw new TypeError(`object ${this.name} was loaded or closed`);
    return this.#object;
  }
}

/** A verified program in the kernel. Belongs to its object: not to be used after that was disposed. */
export interface LoadedProgram {
  readonly pointer: BpfProgramPtr;
  readonly name: string;
  readonly section: string;
  /** BPF_PROG_TYPE_* and BPF_* attach type. */
  readonly type: number;
  readonly attachType: number;
  readonly fd: number;
}

/** Maps exist and programs are verified; nothing is attached. Disposing closes every fd; pinned maps stay. */
export class LoadedObject implements Disposable {
  readonly name: string;
  /** Without those that were left out. */
  readonly programs: readonly LoadedProgram[];
  /** By name as declared; `.bss`, `.data`, … for sections. */
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly #lib: Libbpf;
  #object: BpfObjectPtr | null;

  constructor(lib: Libbpf, object: BpfObjectPtr, name: string) {
    this.#lib = lib;
    this.#object = object;
    this.name = name;
    const cpus = checkInt(lib, 'libbpf_num_possible_cpus', '', lib.libbpf_num_possible_cpus());
    const loaded = programsOf(lib, object).filter((pointer) => lib.bpf_program__autoload(pointer));
    this.programs = loaded.map((pointer) => ({
      pointer,
      name: lib.bpf_program__name(pointer),
      section: lib.bpf_program__section_name(pointer),
      type: lib.bpf_program__type(pointer),
      attachType: lib.bpf_program__expected_attach_type(pointer),
      fd: lib.bpf_program__fd(pointer),
    }));
    this.maps = new Map(
      mapsOf(lib, object).map(({ pointer, name }) => [name, new KernelMap(lib, pointer, name, cpus)]),
    );
  }

  [Symbol.dispose](): void {
    if (this.#object === null) return;
    for (const map of this.maps.values()) map.markClosed();
    this.#lib.bpf_object__close(this.#object);
    this.#object = null;
  }
}

function asFailure(phase: 'open' | 'load', thrown: unknown, log: LoadLog): unknown {
  return thrown instanceof LibbpfError ? new ObjectFailure(phase, thrown, log) : thrown;
}

function programsOf(lib: Libbpf, object: BpfObjectPtr): BpfProgramPtr[] {
  const programs: BpfProgramPtr[] = [];
  let program = lib.bpf_object__next_program(object, null);
  while (program !== null) {
    programs.push(program);
    program = lib.bpf_object__next_program(object, program);
  }
  return programs;
}

/** libbpf prefixes a section's map with the object's name (`pkts.bss`); here it is `.bss`, as the object says it. */
function mapsOf(lib: Libbpf, object: BpfObjectPtr): { pointer: BpfMapPtr; name: string }[] {
  const maps: { pointer: BpfMapPtr; name: string }[] = [];
  for (let map = lib.bpf_object__next_map(object, null); map !== null; map = lib.bpf_object__next_map(object, map)) {
    const full = lib.bpf_map__name(map);
    const dot = full.indexOf('.');
    maps.push({ pointer: map, name: lib.bpf_map__is_internal(map) && dot > 0 ? full.slice(dot) : full });
  }
  return maps;
}

/**
 * The kernel gives each CPU's list of an LRU without a common one the same length, and so rounds the size up
 * (kernel/bpf/hashtab.c, htab_map_alloc). libbpf takes a pinned map over only where it has the size that is asked for.
 */
function sizeAsTheKernelWill(lib: Libbpf, map: BpfMapPtr, name: string): void {
  if (!isLru(lib.bpf_map__type(map)) || (lib.bpf_map__map_flags(map) & BPF_F_NO_COMMON_LRU) === 0) return;
  const cpus = checkInt(lib, 'libbpf_num_possible_cpus', '', lib.libbpf_num_possible_cpus());
  const rounded = Math.ceil(lib.bpf_map__max_entries(map) / cpus) * cpus;
  checkInt(lib, 'bpf_map__set_max_entries', `of map ${name}`, lib.bpf_map__set_max_entries(map, rounded));
}

const textUpToNul = (buffer: Buffer): string => {
  const end = buffer.indexOf(0);
  return buffer.toString('utf8', 0, end < 0 ? buffer.length : end);
};
