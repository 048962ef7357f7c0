import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';

/** The running kernel's own BTF, without that of its modules. */
export const kernelBtfPath = '/sys/kernel/btf/vmlinux';

/** What this machine says of itself that tells apart what one errno may mean. */
export interface Host {
  readonly hasBtf: boolean;
  readonly hasKprobes: boolean;
  readonly hasTracefs: boolean;
  /** Of those that loading and attaching may need, without `CAP_`; SYS_ADMIN stands for BPF and PERFMON. */
  readonly missingCapabilities: readonly string[];
  /** A seccomp filter is on this process. */
  readonly seccomp: boolean;
  /** `none`, `integrity`, `confidentiality`; `unknown` where securityfs is not mounted. */
  readonly lockdown: string;
  readonly perfEventParanoid: number;
  /** Linux security modules that are on, by name; undefined where securityfs is not mounted. */
  readonly securityModules: readonly string[] | undefined;
  /** Whether the BTF of the kernel's modules may be read: it is asked for by id. */
  readonly seesModuleBtf: boolean;
  /** Maps and programs count against a RLIMIT_MEMLOCK that this process may not raise. */
  readonly memlockLimited: boolean;
}

/** The highest kernel.perf_event_paranoid that lets CAP_PERFMON open perf events; distributions patch in 3 and 4. */
export const maxPerfEventParanoid = 2;

/** include/uapi/linux/capability.h. NET_ADMIN is for cgroup programs, NET_RAW for packet sockets. */
const capabilities = { NET_ADMIN: 12n, NET_RAW: 13n, PERFMON: 38n, BPF: 39n } as const;
const capSysAdmin = 21n;
const capSysResource = 24n;
/** Seccomp modes of proc(5): 2 is a filter. */
const seccompFilter = '2';

export function readHost(): Host {
  const status = readOptional('/proc/self/status') ?? '';
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n;
  const covered = (name: string, bit: bigint): boolean => has(bit) || (!name.startsWith('NET_') && has(capSysAdmin));
  const lockdown = readOptional('/sys/kernel/security/lockdown');
  return {
    hasBtf: existsSync(kernelBtfPath),
    hasKprobes: existsSync('/sys/bus/event_source/devices/kprobe') || existsSync('/sys/kernel/tracing/kprobe_events'),
    hasTracefs: existsSync('/sys/kernel/tracing/events') || existsSync('/sys/kernel/debug/tracing/events'),
    missingCapabilities: Object.entries(capabilities).flatMap(([name, bit]) => (covered(name, bit) ? [] : [name])),
    seccomp: /^Seccomp:\s*(\d)/m.exec(status)?.[1] === seccompFilter,
    lockdown: lockdown === undefined ? 'unknown' : (/\[(\w+)\]/.exec(lockdown)?.[1] ?? 'unknown'),
    perfEventParanoid: Number(readOptional('/proc/sys/kernel/perf_event_paranoid') ?? 0),
    securityModules: readOptional('/sys/kernel/security/lsm')?.split(','),
    seesModuleBtf: has(capSysAdmin),
    memlockLimited: countsMemlock(release()) && !has(capSysResource) && memlockLimit() !== 'unlimited',
  };
}

/** Linux 5.11 counts what eBPF takes to the memory cgroup instead. */
function countsMemlock(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split('.').map(Number);
  return major < 5 || (major === 5 && minor < 11);
}

/** The hard limit. `Max locked memory         65536                65536                bytes` */
function memlockLimit(): string | undefined {
  return /^Max locked memory\s+\S+\s+(\S+)/m.exec(readOptional('/proc/self/limits') ?? '')?.[1];
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined; // not every kernel has the file
  }
}
