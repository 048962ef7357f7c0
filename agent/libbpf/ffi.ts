import koffi from 'koffi';
import { CodedError, messageOf } from '../../runtime/errors.ts';
import type { BpfLinkPtr, BpfMapPtr, BpfObjectPtr, BpfProgramPtr, Libbpf, LogLine, OpenOptions } from './binding.ts';
import { libbpfSymbols, libcSymbols } from './symbols.ts';

/** Raw C functions by name: koffi checks the arguments against the prototype, `binding.ts` says what they mean. */
type CFunction = ((...args: unknown[]) => unknown) & {
  async(...args: [...unknown[], (error: unknown, result: unknown) => void]): void;
};
type CLibrary<Names extends string> = Record<Names, CFunction>;

/** A log line longer than this is cut; libbpf's longest are a program's whole verifier log, which we read elsewhere. */
const maxLogLineBytes = 64 * 1024;
/** libbpf's info level; its debug lines are many and tell people nothing. */
const mostVerboseLevel = 1;
/** The oldest libbpf whose error convention and SEC() names we build on. */
const oldestMajor = 1;

export class LibbpfMissing extends CodedError<'LibbpfMissing', { path: string }> {}

/**
 * Binds libbpf from `path` (default: `libbpf.so.1`, wherever the dynamic linker finds it). Throws LibbpfMissing with the
 * package that brings it.
 */
export function loadLibbpf(path = 'libbpf.so.1'): Libbpf {
  const libbpf = bind(
    path,
    Object.entries(libbpfSymbols).map(([name, { prototype }]) => [name, prototype] as const),
  );
  const libc = bind('libc.so.6', Object.entries(libcSymbols));
  const c = { ...libbpf, ...libc } as CLibrary<keyof typeof libbpfSymbols | keyof typeof libcSymbols>;

  const major = c.libbpf_major_version() as number;
  if (major < oldestMajor) {
    throw new LibbpfMissing(
      'LibbpfMissing',
      `bind libbpf: ${path} is version ${major}.${c.libbpf_minor_version()}, older than ${oldestMajor}.0 [install libbpf1]`,
      { path },
    );
  }

  let sink: ((line: LogLine) => void) | undefined;
  const lineBuffer = Buffer.alloc(maxLogLineBytes);
  // A va_list reaches us as the pointer that it is passed as on x86-64 and arm64, and goes on to vsnprintf untouched.
  const printType = koffi.proto('int', ['int', 'void *', 'void *']);
  const print = koffi.register((level: number, format: bigint, ap: bigint) => {
    if (sink === undefined || level > mostVerboseLevel) return 0;
    const length = c.vsnprintf(lineBuffer, lineBuffer.length, format, ap) as number;
    sink({ level, text: lineBuffer.toString('utf8', 0, Math.min(Math.max(length, 0), lineBuffer.length - 1)) });
    return 0;
  }, koffi.pointer(printType));
  // Always ours, also without a sink: libbpf's default prints to stderr.
  c.libbpf_set_print(print);

  return {
    version: `${major}.${c.libbpf_minor_version()}`,

    bpf_object__open_mem: (bytes, options) =>
      withOpenOptions(options, (opts) => c.bpf_object__open_mem(bytes, bytes.length, opts) as BpfObjectPtr | null),
    bpf_object__load: (object) =>
      new Promise((resolve, reject) => {
        c.bpf_object__load.async(object, (error: unknown, result: unknown) =>
          error ? reject(error) : resolve(result as number),
        );
      }),
    bpf_object__close: (object) => void c.bpf_object__close(object),

    bpf_object__next_program: (object, previous) =>
      c.bpf_object__next_program(object, previous) as BpfProgramPtr | null,
    bpf_program__name: (program) => c.bpf_program__name(program) as string,
    bpf_program__section_name: (program) => c.bpf_program__section_name(program) as string,
    bpf_program__type: (program) => c.bpf_program__type(program) as number,
    bpf_program__set_type: (program, type) => c.bpf_program__set_type(program, type) as number,
    bpf_program__expected_attach_type: (program) => c.bpf_program__expected_attach_type(program) as number,
    bpf_program__autoload: (program) => c.bpf_program__autoload(program) as boolean,
    bpf_program__set_autoload: (program, autoload) => c.bpf_program__set_autoload(program, autoload) as number,
    bpf_program__fd: (program) => c.bpf_program__fd(program) as number,
    bpf_program__set_log_buf: (program, buffer) => c.bpf_program__set_log_buf(program, buffer, buffer.length) as number,
    bpf_program__attach: (program) => c.bpf_program__attach(program) as BpfLinkPtr | null,
    bpf_program__attach_cgroup: (program, fd) => c.bpf_program__attach_cgroup(program, fd) as BpfLinkPtr | null,

    bpf_object__next_map: (object, previous) => c.bpf_object__next_map(object, previous) as BpfMapPtr | null,
    bpf_map__name: (map) => c.bpf_map__name(map) as string,
    bpf_map__type: (map) => c.bpf_map__type(map) as number,
    bpf_map__key_size: (map) => c.bpf_map__key_size(map) as number,
    bpf_map__value_size: (map) => c.bpf_map__value_size(map) as number,
    bpf_map__max_entries: (map) => c.bpf_map__max_entries(map) as number,
    bpf_map__set_max_entries: (map, maxEntries) => c.bpf_map__set_max_entries(map, maxEntries) as number,
    bpf_map__map_flags: (map) => c.bpf_map__map_flags(map) as number,
    bpf_map__is_internal: (map) => c.bpf_map__is_internal(map) as boolean,
    bpf_map__fd: (map) => c.bpf_map__fd(map) as number,
    bpf_map__initial_value: (map) => {
      const size = Buffer.alloc(8);
      const value = c.bpf_map__initial_value(map, size) as bigint | null;
      if (value === null) return Buffer.alloc(0);
      return Buffer.from(new Uint8Array(koffi.view(value, Number(size.readBigUInt64LE()))));
    },
    bpf_map__set_initial_value: (map, value) => c.bpf_map__set_initial_value(map, value, value.length) as number,
    bpf_map__set_pin_path: (map, pinPath) => c.bpf_map__set_pin_path(map, pinPath) as number,

    bpf_link__update_program: (link, program) => c.bpf_link__update_program(link, program) as number,
    bpf_link__destroy: (link) => c.bpf_link__destroy(link) as number,

    bpf_map_lookup_batch: (fd, inBatch, outBatch, keys, values, count) =>
      c.bpf_map_lookup_batch(fd, inBatch, outBatch, keys, values, count, null) as number,
    bpf_map_lookup_batch_async: (fd, inBatch, outBatch, keys, values, count) =>
      new Promise((resolve, reject) => {
        const inUse = [inBatch, outBatch, keys, values, count];
        c.bpf_map_lookup_batch.async(
          fd,
          inBatch,
          outBatch,
          keys,
          values,
          count,
          null,
          (error: unknown, result: unknown) => {
            // koffi refers to nothing but this callback meanwhile: through it the buffers outlive the call.
            inUse.length = 0;
            if (error) reject(error);
            else resolve(result as number);
          },
        );
      }),
    bpf_map_get_next_key: (fd, key, nextKey) => c.bpf_map_get_next_key(fd, key, nextKey) as number,
    bpf_map_lookup_elem: (fd, key, value) => c.bpf_map_lookup_elem(fd, key, value) as number,
    bpf_map_update_elem: (fd, key, value, flags) => c.bpf_map_update_elem(fd, key, value, flags) as number,
    bpf_map_delete_elem: (fd, key) => c.bpf_map_delete_elem(fd, key) as number,

    bpf_obj_get: (pinPath) => c.bpf_obj_get(pinPath) as number,
    bpf_obj_get_info_by_fd: (fd, info) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(info.length);
      return c.bpf_obj_get_info_by_fd(fd, info, length) as number;
    },
    bpf_enable_stats: (type) => c.bpf_enable_stats(type) as number,
    libbpf_probe_bpf_prog_type: (type) => c.libbpf_probe_bpf_prog_type(type, null) as number,
    libbpf_probe_bpf_map_type: (type) => c.libbpf_probe_bpf_map_type(type, null) as number,
    libbpf_num_possible_cpus: () => c.libbpf_num_possible_cpus() as number,
    libbpf_strerror: (errno) => {
      const text = Buffer.alloc(256);
      c.libbpf_strerror(errno, text, text.length);
      return text.toString('utf8', 0, text.indexOf(0));
    },

    setLogSink: (next) => {
      sink = next;
    },
    errno: () => koffi.errno(),

    socket: (domain, type, protocol) => c.socket(domain, type, protocol) as number,
    setsockopt: (fd, level, name, value) => c.setsockopt(fd, level, name, value, value.length) as number,
    bind: (fd, address) => c.bind(fd, address, address.length) as number,
    close: (fd) => c.close(fd) as number,
    fcntl: (fd, operation, argument) => c.fcntl(fd, operation, argument) as number,
    flock: (fd, operation) => c.flock(fd, operation) as number,
  };
}

function bind(path: string, prototypes: readonly (readonly [string, string])[]): Record<string, CFunction> {
  try {
    const library = koffi.load(path);
    return Object.fromEntries(prototypes.map(([name, prototype]) => [name, library.func(prototype) as CFunction]));
  } catch (cause) {
    const hint = 'install Debian package libbpf1, or pass --libbpf PATH';
    throw new LibbpfMissing('LibbpfMissing', `bind ${path}: ${messageOf(cause)} [${hint}]`, { path }, cause);
  }
}

/** `struct bpf_object_open_opts`, of which we set `sz`, `object_name` and `btf_custom_path` (libbpf.h; the rest is zero). */
function withOpenOptions<T>(options: OpenOptions, use: (opts: Buffer) => T): T {
  const openOptsBytes = 72;
  const name = Buffer.from(`${options.objectName}\0`);
  const btfPath = options.btfPath === undefined ? undefined : Buffer.from(`${options.btfPath}\0`);
  const opts = Buffer.alloc(openOptsBytes);
  opts.writeBigUInt64LE(BigInt(openOptsBytes), 0);
  opts.writeBigUInt64LE(koffi.address(name), 8);
  if (btfPath !== undefined) opts.writeBigUInt64LE(koffi.address(btfPath), 48);
  const result = use(opts);
  // libbpf has copied them by now; this use keeps them from being collected before.
  name.fill(0);
  btfPath?.fill(0);
  return result;
}
