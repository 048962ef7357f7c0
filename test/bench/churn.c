// Inserts and deletes keys of the benchmark's hash (scrape.bpf.c with -DKEY_INTS) at a steady rate, in a map whose other
// keys it never touches: a ring of keys, of which the youngest `alive` are there. A key's cgroup is also its value, so
// whoever reads the map can tell a right row from a wrong one.
// usage: churn PIN OPERATIONS_PER_SECOND    until its standard input ends; then prints operations and seconds
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

// FIRST is also what churn.ts tells these keys by.
enum { FIRST = 1000000000, RING = 40000, ALIVE = 20000, BATCH = 500 };

struct key {
  uint64_t cgroup;
  uint32_t op, error;
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

static struct key key_of(uint64_t turn) {
  uint32_t n = turn % RING;
  return (struct key){.cgroup = FIRST + n, .op = n % 100, .error = n % 7};
}

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static bool told_to_end(void) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&input, 1, 0) != 0;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: churn PIN OPERATIONS_PER_SECOND\n"), 64;
  double rate = atof(argv[2]);
  int map = bpf_obj_get(argv[1]);
  if (map < 0) die(argv[1]);
  struct key born[BATCH], dead[BATCH];
  uint64_t values[BATCH], operations = 0;
  double start = now_seconds();
  for (uint64_t turn = 0; !told_to_end(); turn += BATCH) {
    for (int i = 0; i < BATCH; i++) {
      born[i] = key_of(turn + i);
      values[i] = born[i].cgroup;
      dead[i] = key_of(turn + i - ALIVE);
    }
    uint32_t count = BATCH;
    if (bpf_map_update_batch(map, born, values, &count, NULL)) die("bpf_map_update_batch");
    operations += count;
    if (turn >= ALIVE) {
      if (bpf_map_delete_batch(map, dead, &count, NULL)) die("bpf_map_delete_batch");
      operations += count;
    }
    double ahead = operations / rate - (now_seconds() - start);
    if (ahead > 0) usleep(ahead * 1e6);
  }
  printf("%lu %.3f\n", operations, now_seconds() - start);
  return 0;
}
