/**
 * The one door to C: the libbpf and libc functions that we use, under their own names and in TypeScript types. Every
 * function returns what C returns (−errno from ints, null from pointers); `check.ts` turns that into errors.
 * `ffi.ts` is the real one; a test may bring another.
 */
declare const handle: unique symbol;
/** An address that C owns. Branded, so that a program is never passed for a map. */
export type Handle<Name extends string> = bigint & { readonly [handle]: Name };
export type BpfObjectPtr = Handle<'bpf_object'>;
export type BpfProgramPtr = Handle<'bpf_program'>;
export type BpfMapPtr = Handle<'bpf_map'>;
export type BpfLinkPtr = Handle<'bpf_link'>;

export interface OpenOptions {
  /** Names the object in libbpf's log lines and prefixes its .bss, .data and .rodata maps in the kernel. */
  readonly objectName: string;
  /** The only BTF that CO-RE relocations are resolved against; without it the running kernel's and its modules'. */
  readonly btfPath?: string;
}

/** One line of libbpf's log. Levels are libbpf's own: 0 warning, 1 info, 2 debug. */
export interface LogLine {
  readonly level: number;
  readonly text: string;
}

export interface Libbpf {
  /** As the library says, e.g. `1.1`. */
  readonly version: string;

  /** Opens from memory. The bytes must stay alive until the object is loaded or closed. Null and `errno()` on failure. */
  bpf_object__open_mem(bytes: Uint8Array, options: OpenOptions): BpfObjectPtr | null;
  /** Runs off the event loop: the verifier may take seconds. 0 or −errno. */
  bpf_object__load(object: BpfObjectPtr): Promise<number>;
  bpf_object__close(object: BpfObjectPtr): void;

  bpf_object__next_program(object: BpfObjectPtr, previous: BpfProgramPtr | null): BpfProgramPtr | null;
  bpf_program__name(program: BpfProgramPtr): string;
  bpf_program__section_name(program: BpfProgramPtr): string;
  /** BPF_PROG_TYPE_* */
  bpf_program__type(program: BpfProgramPtr): number;
  bpf_program__set_type(program: BpfProgramPtr, type: number): number;
  /** BPF_* attach type (enum bpf_attach_type) */
  bpf_program__expected_attach_type(program: BpfProgramPtr): number;
  /** False for SEC("?…"): libbpf does not load it. */
  bpf_program__autoload(program: BpfProgramPtr): boolean;
  /** Before the load only. 0 or −errno. */
  bpf_program__set_autoload(program: BpfProgramPtr, autoload: boolean): number;
  bpf_program__fd(program: BpfProgramPtr): number;
  /** The buffer must stay alive until the object is loaded or closed. */
  bpf_program__set_log_buf(program: BpfProgramPtr, buffer: Buffer): number;
  bpf_program__attach(program: BpfProgramPtr): BpfLinkPtr | null;
  bpf_program__attach_cgroup(program: BpfProgramPtr, cgroupFd: number): BpfLinkPtr | null;

  bpf_object__next_map(object: BpfObjectPtr, previous: BpfMapPtr | null): BpfMapPtr | null;
  bpf_map__name(map: BpfMapPtr): string;
  bpf_map__type(map: BpfMapPtr): number;
  bpf_map__key_size(map: BpfMapPtr): number;
  bpf_map__value_size(map: BpfMapPtr): number;
  bpf_map__max_entries(map: BpfMapPtr): number;
  /** Before the load only: 0 or −errno. */
  bpf_map__set_max_entries(map: BpfMapPtr, maxEntries: number): number;
  bpf_map__map_flags(map: BpfMapPtr): number;
  bpf_map__is_internal(map: BpfMapPtr): boolean;
  bpf_map__fd(map: BpfMapPtr): number;
  /** A copy of the bytes that a section's map starts with; empty for a map that is none. */
  bpf_map__initial_value(map: BpfMapPtr): Buffer;
  /** All of a section's bytes, before the load only. 0 or −errno. */
  bpf_map__set_initial_value(map: BpfMapPtr, value: Uint8Array): number;
  /** Null: not pinned, whatever the object asks for. */
  bpf_map__set_pin_path(map: BpfMapPtr, path: string | null): number;

  /** Swaps the program behind a link in place, where the kernel can: 0 or −errno. */
  bpf_link__update_program(link: BpfLinkPtr, program: BpfProgramPtr): number;
  /** Detaches and frees. 0 or −errno. */
  bpf_link__destroy(link: BpfLinkPtr): number;

  /**
   * Reads a batch. `inBatch` null starts a walk; `outBatch` takes the place to go on from; `count` (4 bytes, u32) says how
   * many fit and comes back as how many were read. 0, or −errno: ENOENT is the end, ENOSPC a bucket larger than `count`.
   */
  bpf_map_lookup_batch(
    fd: number,
    inBatch: Buffer | null,
    outBatch: Buffer,
    keys: Buffer,
    values: Buffer,
    count: Buffer,
  ): number;
  /** The same on a thread of libuv's pool. Nobody may touch the buffers until it settles; they are kept alive till then. */
  bpf_map_lookup_batch_async(
    fd: number,
    inBatch: Buffer | null,
    outBatch: Buffer,
    keys: Buffer,
    values: Buffer,
    count: Buffer,
  ): Promise<number>;
  /** 0 or −errno; ENOENT is the end. A null or vanished `key` starts from the first. */
  bpf_map_get_next_key(fd: number, key: Buffer | null, nextKey: Buffer): number;
  bpf_map_lookup_elem(fd: number, key: Buffer, value: Buffer): number;
  /** `flags`: 0 any, 1 only new, 2 only existing. 0 or −errno. */
  bpf_map_update_elem(fd: number, key: Buffer, value: Buffer, flags: number): number;
  bpf_map_delete_elem(fd: number, key: Buffer): number;

  /** Opens a pinned map. fd or −errno. */
  bpf_obj_get(path: string): number;
  /** Fills `info` with the kernel's struct bpf_{prog,map,link}_info of the fd. 0 or −errno. */
  bpf_obj_get_info_by_fd(fd: number, info: Buffer): number;
  /** Has the kernel keep statistics (enum bpf_stats_type) as long as the fd that it gives is open. fd or −errno. */
  bpf_enable_stats(type: number): number;
  /** 1 the kernel has it, 0 it has not, −errno the probe itself failed. */
  libbpf_probe_bpf_prog_type(type: number): number;
  libbpf_probe_bpf_map_type(type: number): number;
  libbpf_num_possible_cpus(): number;
  /** libbpf's or the C library's text for an error number. */
  libbpf_strerror(errno: number): string;

  /** From here on `libbpf`'s log lines go to `sink`, until undefined is set. One sink: the callback is one for the process. */
  setLogSink(sink: ((line: LogLine) => void) | undefined): void;

  /** errno of the last call that failed with a null pointer or −1. */
  errno(): number;

  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer): number;
  bind(fd: number, address: Buffer): number;
  close(fd: number): number;
  /** fcntl(2), of operations that take an int. −1 with `errno()` where it fails. */
  fcntl(fd: number, operation: number, argument: number): number;
  /** flock(2). 0 or −1 with `errno()`. */
  flock(fd: number, operation: number): number;
}
