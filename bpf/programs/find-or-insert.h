// The entry of a hash map, made from `zero` where there is none; NULL where the map is full. Two CPUs may meet a new key
// at once: only one entry is made, and both get it. Inlined, since the verifier wants to see which map it is.
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __always_inline void *find_or_insert(void *map, const void *key, const void *zero) {
  void *entry = bpf_map_lookup_elem(map, key);
  if (entry)
    return entry;
  bpf_map_update_elem(map, key, zero, BPF_NOEXIST);
  return bpf_map_lookup_elem(map, key);
}
