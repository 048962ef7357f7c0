import { existsSync, readFileSync } from 'node:fs';
import { machine, release } from 'node:os';
import type { Libbpf } from '../libbpf/binding.ts';
import { EPERM } from '../libbpf/check.ts';
import { mapType, programType } from './bpf-types.ts';

/** What this kernel can do for us, found out by asking it. */
export interface Preflight {
  readonly release: string;
  readonly arch: string;
  readonly btf: boolean;
  /** `none`, `integrity`, `confidentiality`; `unknown` where securityfs is not mounted. */
  readonly lockdown: string;
  /** Names of optional things it has, sorted. */
  readonly features: readonly string[];
  /** Why nothing can be loaded here; undefined when it can. */
  readonly obstacle:
    | { readonly reason: 'PermissionDenied' | 'SeccompBlocked' | 'ProgramTypeUnsupported'; readonly message: string }
    | undefined;
  /** What will be missed, with its cure; the agent works without. */
  readonly warnings: readonly string[];
}

/** BPF_MAP_TYPE_* and BPF_PROG_TYPE_* that are worth a name in a node's feature list. */
const mapFeatures: readonly (readonly [string, number])[] = [
  ['bloom_filter', 30],
  ['cgrp_storage', 32],
  ['lru_percpu_hash', mapType.lruPercpuHash],
  ['ringbuf', 27],
];
const programFeatures: readonly (readonly [string, number])[] = [
  ['cgroup_skb', programType.cgroupSkb],
  ['kprobe', programType.kprobe],
  ['raw_tracepoint', programType.rawTracepoint],
  ['socket_filter', programType.socketFilter],
  ['tracing', programType.tracing],
];

/** The highest kernel.perf_event_paranoid that lets CAP_PERFMON open perf events; distributions patch in 3 and 4. */
const maxPerfEventParanoid = 2;

/** Probes the kernel: creates a map and loads a program of each kind, and drops them. Takes milliseconds. */
export function preflight(lib: Libbpf): Preflight {
  const features = [
    ...mapFeatures.filter(([, type]) => lib.libbpf_probe_bpf_map_type(type) > 0),
    ...programFeatures.filter(([, type]) => lib.libbpf_probe_bpf_prog_type(type) > 0),
  ].map(([name]) => name);
  const warnings: string[] = [];
  const btf = existsSync('/sys/kernel/btf/vmlinux');
  if (!btf) warnings.push('the kernel has no BTF: CO-RE objects cannot be loaded [CONFIG_DEBUG_INFO_BTF]');
  if (!existsSync('/sys/kernel/tracing/events') && !existsSync('/sys/kernel/debug/tracing/events')) {
    warnings.push(
      'tracefs is not mounted: tracepoints cannot be attached [mount -t tracefs tracefs /sys/kernel/tracing]',
    );
  }
  const paranoid = Number(readOptional('/proc/sys/kernel/perf_event_paranoid') ?? 0);
  if (paranoid > maxPerfEventParanoid) {
    warnings.push(
      `kernel.perf_event_paranoid is ${paranoid}: tracepoints need SYS_ADMIN here [sysctl kernel.perf_event_paranoid=2]`,
    );
  }
  const lockdownText = readOptional('/sys/kernel/security/lockdown');
  return {
    release: release(),
    arch: machine(),
    btf,
    lockdown: lockdownText === undefined ? 'unknown' : (/\[(\w+)\]/.exec(lockdownText)?.[1] ?? 'unknown'),
    features: features.toSorted(),
    obstacle: obstacle(lib),
    warnings,
  };
}

/** Tries what every load needs: a map, and the simplest program. */
function obstacle(lib: Libbpf): Preflight['obstacle'] {
  const map = lib.libbpf_probe_bpf_map_type(mapType.array);
  const program = lib.libbpf_probe_bpf_prog_type(programType.socketFilter);
  if (map > 0 && program > 0) return undefined;
  const errno = Math.min(map, program);
  if (seccompMode() === '2' && (errno === -EPERM || errno >= 0)) {
    return {
      reason: 'SeccompBlocked',
      message:
        'bpf(2) is refused and a seccomp profile is active [seccompProfile: Unconfined, or one that allows bpf and perf_event_open]',
    };
  }
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readOptional('/proc/self/status') ?? '')?.[1] ?? '0'}`);
  const hasBpf = (effective & ((1n << capBpf) | (1n << capSysAdmin))) !== 0n;
  if (!hasBpf)
    return {
      reason: 'PermissionDenied',
      message: 'bpf(2) is refused: CAP_BPF is missing [add capability BPF, and PERFMON to trace]',
    };
  return {
    reason: 'ProgramTypeUnsupported',
    message: `the kernel creates no ${map > 0 ? 'program' : 'map'}: ${lib.libbpf_strerror(-errno)}`,
  };
}

/** linux/capability.h */
const capSysAdmin = 21n;
const capBpf = 39n;

const seccompMode = (): string | undefined => /^Seccomp:\s*(\d)/m.exec(readOptional('/proc/self/status') ?? '')?.[1];

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined; // not every kernel has the file
  }
}
