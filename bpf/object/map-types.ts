/** BPF_MAP_TYPE_* that mean something to the reader (include/uapi/linux/bpf.h). */
export const mapTypes = { unspec: 0, arrayOfMaps: 12, hashOfMaps: 13 } as const;

/** BPF_F_NUMA_NODE: the definition's NUMA node counts. */
export const flagNumaNode = 4;

export function isMapOfMaps(type: number): boolean {
  return type === mapTypes.arrayOfMaps || type === mapTypes.hashOfMaps;
}
