import { machine, release } from 'node:os';
import type { Libbpf } from '../libbpf/binding.ts';
import { mapType, programType } from './bpf-types.ts';
import { type Host, maxPerfEventParanoid } from './host.ts';

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

/** Probes the kernel: creates a map and loads a program of each kind, and drops them. Takes milliseconds. */
export function preflight(lib: Libbpf, host: Host): Preflight {
  const features = [
    ...mapFeatures.filter(([, type]) => lib.libbpf_probe_bpf_map_type(type) > 0),
    ...programFeatures.filter(([, type]) => lib.libbpf_probe_bpf_prog_type(type) > 0),
  ]
    .map(([name]) => name)
    // The type is there for uprobes too; the probes in the kernel are another option of it (CONFIG_KPROBES).
    .filter((name) => name !== 'kprobe' || host.hasKprobes);
  return {
    release: release(),
    arch: machine(),
    btf: host.hasBtf,
    lockdown: host.lockdown,
    features: features.toSorted(),
    obstacle: obstacle(lib, host),
    warnings: warningsOf(host),
  };
}

function warningsOf({ hasBtf, hasTracefs, perfEventParanoid, missingCapabilities }: Host): string[] {
  const paranoid = `kernel.perf_event_paranoid is ${perfEventParanoid}: tracepoints need SYS_ADMIN here [sysctl kernel.perf_event_paranoid=${maxPerfEventParanoid}]`;
  return [
    ...(hasBtf ? [] : ['the kernel has no BTF: CO-RE objects cannot be loaded [CONFIG_DEBUG_INFO_BTF]']),
    ...(hasTracefs
      ? []
      : ['tracefs is not mounted: tracepoints cannot be attached [mount -t tracefs tracefs /sys/kernel/tracing]']),
    ...(perfEventParanoid > maxPerfEventParanoid ? [paranoid] : []),
    ...missingCapabilities.map((name) => `CAP_${name} is missing: ${lostWithout[name]}`),
  ];
}

const lostWithout: Readonly<Record<string, string>> = {
  BPF: 'nothing can be loaded',
  PERFMON: 'tracing programs cannot be loaded or attached',
  NET_ADMIN: 'cgroup programs cannot be loaded',
  NET_RAW: 'socket filters cannot be attached',
};

/** Tries what every load needs: a map, and the simplest program. */
function obstacle(lib: Libbpf, { missingCapabilities, seccomp, memlockLimited }: Host): Preflight['obstacle'] {
  const map = lib.libbpf_probe_bpf_map_type(mapType.array);
  const program = lib.libbpf_probe_bpf_prog_type(programType.socketFilter);
  if (map > 0 && program > 0) return undefined;
  if (missingCapabilities.includes('BPF')) {
    const message = 'bpf(2) is refused: CAP_BPF is missing [add capability BPF, and PERFMON to trace]';
    return { reason: 'PermissionDenied', message };
  }
  if (seccomp) {
    const message =
      'bpf(2) is refused and a seccomp profile is active [seccompProfile: Unconfined, or one that allows bpf and perf_event_open]';
    return { reason: 'SeccompBlocked', message };
  }
  if (memlockLimited) {
    const message =
      'bpf(2) is refused: before Linux 5.11 it counts against RLIMIT_MEMLOCK, which is low here [raise it (LimitMEMLOCK=), or add capability SYS_RESOURCE]';
    return { reason: 'PermissionDenied', message };
  }
  const errno = Math.abs(Math.min(map, program));
  const what = map > 0 ? 'program' : 'map';
  const why = errno === 0 ? 'it knows no such type' : lib.libbpf_strerror(errno);
  return { reason: 'ProgramTypeUnsupported', message: `the kernel creates no ${what}: ${why}` };
}
