import type { Shape } from './key-labels.ts';

/** BPF_MAP_TYPE_* (include/uapi/linux/bpf.h) whose entries are exported. */
export const exportedTypes: ReadonlyMap<number, Shape> = new Map([
  [1, 'hash'], // HASH
  [2, 'array'], // ARRAY
  [5, 'hash'], // PERCPU_HASH
  [6, 'array'], // PERCPU_ARRAY
  [9, 'hash'], // LRU_HASH
  [10, 'hash'], // LRU_PERCPU_HASH
  [11, 'hash'], // LPM_TRIE
]);

/** Of these, the ones that have a value for each possible CPU. */
export const perCpuTypes: ReadonlySet<number> = new Set([5, 6, 10]);
