import { readFileSync } from 'node:fs';
import type { Libbpf } from '../libbpf/binding.ts';
import { checkInt, EINVAL, EPERM, LibbpfError } from '../libbpf/check.ts';

/** enum bpf_stats_type of include/uapi/linux/bpf.h */
const BPF_STATS_RUN_TIME = 0;
/** 1 where the host has turned them on for all (Linux 5.1). */
const sysctlFile = '/proc/sys/kernel/bpf_stats_enabled';

/** Of struct bpf_prog_info (include/uapi/linux/bpf.h): bytes, up to and with `run_cnt`, and where the two are. */
const infoBytes = 208;
const runTimeNsAt = 192;
const runCountAt = 200;

/** What the kernel counted of one program since it was loaded, as long as anybody had it count. */
export interface ProgramRuns {
  readonly count: bigint;
  readonly durationNs: bigint;
}

/** How often programs run and for how long, which the kernel counts only when asked to: two readings of the clock a run. */
export class RunStatistics implements Disposable {
  readonly #lib: Libbpf;
  readonly #info = Buffer.alloc(infoBytes);
  #fd = -1;

  constructor(lib: Libbpf) {
    this.#lib = lib;
  }

  /** Has the kernel count until this is disposed, or the process ends. Throws LibbpfError. */
  enable(): void {
    if (this.#fd >= 0) return;
    const fd = this.#lib.bpf_enable_stats(BPF_STATS_RUN_TIME);
    this.#fd = checkInt(this.#lib, 'bpf_enable_stats', 'BPF_STATS_RUN_TIME', fd);
  }

  /** Whether it counts now, for us or for whoever set the host's `kernel.bpf_stats_enabled`. */
  get counting(): boolean {
    return this.#fd >= 0 || isSysctlOn();
  }

  /** Of a program that is loaded. Throws LibbpfError. */
  of({ fd, name }: { readonly fd: number; readonly name: string }): ProgramRuns {
    // What the call before left there would be taken for addresses to fill.
    this.#info.fill(0);
    checkInt(
      this.#lib,
      'bpf_obj_get_info_by_fd',
      `of program ${name}`,
      this.#lib.bpf_obj_get_info_by_fd(fd, this.#info),
    );
    return { count: this.#info.readBigUInt64LE(runCountAt), durationNs: this.#info.readBigUInt64LE(runTimeNsAt) };
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    this.#lib.close(this.#fd);
    this.#fd = -1;
  }
}

/** Why `enable` was refused, for people, with what to do about it. */
export function statisticsRefused(thrown: unknown): string | undefined {
  if (!(thrown instanceof LibbpfError)) return undefined;
  const bySysctl = 'sysctl kernel.bpf_stats_enabled=1 on the host does the same';
  const { errno } = thrown.facts;
  const cure =
    errno === EPERM
      ? `it takes CAP_SYS_ADMIN, in the chart agent.programStats; ${bySysctl}`
      : errno === EINVAL
        ? `it takes Linux 5.8; from 5.1 on ${bySysctl}`
        : bySysctl;
  return `program runs are not counted: ${thrown.message} [${cure}]`;
}

function isSysctlOn(): boolean {
  try {
    return readFileSync(sysctlFile, 'latin1').startsWith('1');
  } catch {
    return false; // a kernel before 5.1, or one that hides /proc/sys: then nobody counts that we could tell
  }
}
