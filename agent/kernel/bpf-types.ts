/** Numbers of include/uapi/linux/bpf.h that we branch on. */
export const mapType = {
  hash: 1,
  array: 2,
  percpuHash: 5,
  percpuArray: 6,
  lruHash: 9,
  lruPercpuHash: 10,
  lpmTrie: 11,
} as const;

const perCpuTypes: ReadonlySet<number> = new Set([mapType.percpuHash, mapType.percpuArray, mapType.lruPercpuHash]);
export const isPerCpu = (type: number): boolean => perCpuTypes.has(type);

const arrayTypes: ReadonlySet<number> = new Set([mapType.array, mapType.percpuArray]);
export const isArray = (type: number): boolean => arrayTypes.has(type);

const lruTypes: ReadonlySet<number> = new Set([mapType.lruHash, mapType.lruPercpuHash]);
export const isLru = (type: number): boolean => lruTypes.has(type);

/** Of a map's flags. */
export const BPF_F_NO_COMMON_LRU = 2;

export const programType = {
  socketFilter: 1,
  kprobe: 2,
  tracepoint: 5,
  cgroupSkb: 8,
  cgroupSock: 9,
  cgroupDevice: 15,
  rawTracepoint: 17,
  cgroupSockAddr: 18,
  cgroupSysctl: 23,
  cgroupSockopt: 25,
  tracing: 26,
  lsm: 29,
} as const;

const cgroupTypes: ReadonlySet<number> = new Set([
  programType.cgroupSkb,
  programType.cgroupSock,
  programType.cgroupDevice,
  programType.cgroupSockAddr,
  programType.cgroupSysctl,
  programType.cgroupSockopt,
]);
/** Programs that libbpf does not attach by itself, since it does not know which cgroup. */
export const isCgroup = (type: number): boolean => cgroupTypes.has(type);
