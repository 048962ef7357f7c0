// floor(log2(n)) by halves, and 0 for 0: the slot of n in a histogram that is declared with `bucketOf: floorLog2`.
#pragma once
#include <linux/types.h>

static __u32 log2_of(__u64 n) {
  __u32 power = 0;
#pragma unroll
  for (int bits = 32; bits; bits >>= 1) {
    if (n >> bits) {
      n >>= bits;
      power += bits;
    }
  }
  return power;
}
