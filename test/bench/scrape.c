// The floor that the agent's scrape is held against: one map read in batches and written as Prometheus text by hand, for
// the shapes of scrape.bpf.c, served over HTTP on loopback. One connection at a time, no allocation per scrape.
// usage: scrape ints|text|cpus|slots PIN FAMILY BPF_NAME    prints its port, then serves until it is killed
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BATCH = 4096, LINE = 512, HEADER = 512, SLOTS = 27 };

struct ints_key {
  uint64_t cgroup;
  uint32_t op, error;
};
struct text_key {
  char comm[16];
  uint32_t op, error;
};
struct slots_value {
  uint32_t slots[SLOTS];
  uint64_t sum;
};
struct piece {
  char text[LINE];
  size_t size;
};

static char four_digits[10000][4];
static struct piece head, before_error, before_op, before_value;
// Of histograms: what a line of a bucket, the sum and the count begins with, and each bucket's end up to its number.
static struct piece bucket_head, sum_head, count_head, les[SLOTS];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static inline char *put(char *at, const struct piece *piece) {
  return mempcpy(at, piece->text, piece->size);
}

static inline char *put_head(char *at, uint32_t n) {
  int skipped = n < 10 ? 3 : n < 100 ? 2 : n < 1000 ? 1 : 0;
  memcpy(at, four_digits[n] + skipped, 4 - skipped);
  return at + 4 - skipped;
}

static inline char *put_number(char *at, uint64_t n) {
  if (n < 10000) return put_head(at, n);
  at = put_number(at, n / 10000);
  memcpy(at, four_digits[n % 10000], 4);
  return at + 4;
}

static inline char *put_text(char *at, const char *text, size_t size) {
  for (size_t i = 0; i < size && text[i]; i++) {
    if (text[i] == '"' || text[i] == '\\' || text[i] == '\n') *at++ = '\\';
    *at++ = text[i] == '\n' ? 'n' : text[i];
  }
  return at;
}

static inline char *put_rest(char *at, uint32_t error, uint32_t op, uint64_t value) {
  at = put(at, &before_error);
  at = put_number(at, error);
  at = put(at, &before_op);
  at = put_number(at, op);
  at = put(at, &before_value);
  at = put_number(at, value);
  *at++ = '\n';
  return at;
}

// The labels of a key, without what follows them.
static inline char *put_ints(char *at, const struct ints_key *key) {
  at = put_number(at, key->cgroup);
  at = put(at, &before_error);
  at = put_number(at, key->error);
  at = put(at, &before_op);
  return put_number(at, key->op);
}

static char *put_histogram(char *at, const struct ints_key *key, const struct slots_value *value) {
  char labels[LINE];
  size_t size = put_ints(labels, key) - labels;
  uint64_t count = 0;
  for (int slot = 0; slot < SLOTS; slot++) {
    count += value->slots[slot];
    at = mempcpy(put(at, &bucket_head), labels, size);
    at = put_number(put(at, &les[slot]), count);
    *at++ = '\n';
  }
  at = put(mempcpy(put(at, &sum_head), labels, size), &before_value);
  at = put_number(at, value->sum);
  *at++ = '\n';
  at = put(mempcpy(put(at, &count_head), labels, size), &before_value);
  at = put_number(at, count);
  *at++ = '\n';
  return at;
}

// Reads the whole map and writes it behind `at`; returns where the text ends.
static char *write_map(int fd, char shape, const void *keys, const void *values, int cpus, char *at) {
  char token[2][64];
  bool done = false;
  for (int round = 0; !done; round++) {
    uint32_t count = BATCH;
    int result = bpf_map_lookup_batch(fd, round ? token[(round + 1) % 2] : NULL, token[round % 2], (void *)keys,
                                      (void *)values, &count, NULL);
    if (result && result != -ENOENT) die("bpf_map_lookup_batch");
    done = result == -ENOENT;
    for (uint32_t i = 0; i < count; i++) {
      if (shape == 's') {
        at = put_histogram(at, (const struct ints_key *)keys + i, (const struct slots_value *)values + i);
        continue;
      }
      at = put(at, &head);
      if (shape == 'i') {
        const struct ints_key *key = (const struct ints_key *)keys + i;
        at = put_number(at, key->cgroup);
        at = put_rest(at, key->error, key->op, ((const uint64_t *)values)[i]);
      } else if (shape == 't') {
        const struct text_key *key = (const struct text_key *)keys + i;
        at = put_text(at, key->comm, sizeof key->comm);
        at = put_rest(at, key->error, key->op, ((const uint64_t *)values)[i]);
      } else {
        uint64_t sum = 0;
        for (int cpu = 0; cpu < cpus; cpu++) sum += ((const uint64_t *)values)[i * cpus + cpu];
        at = put_number(at, ((const uint32_t *)keys)[i]);
        at = put(at, &before_value);
        at = put_number(at, sum);
        *at++ = '\n';
      }
    }
  }
  return at;
}

static void write_all(int socket, struct iovec *parts, int count) {
  while (count > 0) {
    ssize_t sent = writev(socket, parts, count);
    if (sent < 0 && errno != EINTR) return; // the client is gone
    while (count > 0 && sent >= (ssize_t)parts->iov_len) sent -= parts->iov_len, parts++, count--;
    if (count > 0 && sent > 0) parts->iov_base = (char *)parts->iov_base + sent, parts->iov_len -= sent;
  }
}

// True once a whole request has come; false when the client went away.
static bool read_request(int socket) {
  char request[4096];
  size_t size = 0;
  while (size < sizeof request) {
    ssize_t got = recv(socket, request + size, sizeof request - size, 0);
    if (got <= 0) return false;
    size += got;
    if (memmem(request, size, "\r\n\r\n", 4)) return true;
  }
  return false;
}

static void make_head(struct piece *piece, const char *family, const char *suffix, const char *name, const char *first) {
  piece->size = sprintf(piece->text, "%.100s%s{bpf_name=\"%.100s\",bpf_namespace=\"bench\",%s=\"", family, suffix, name,
                        first);
}

static void make_pieces(char shape, const char *family, const char *name) {
  make_head(&head, family, "", name, shape == 't' ? "comm" : shape == 'c' ? "key" : "cgroup");
  make_head(&bucket_head, family, "_bucket", name, "cgroup");
  make_head(&sum_head, family, "_sum", name, "cgroup");
  make_head(&count_head, family, "_count", name, "cgroup");
  for (int slot = 0; slot < SLOTS - 1; slot++) les[slot].size = sprintf(les[slot].text, "\",le=\"%u\"} ", 1u << slot);
  les[SLOTS - 1].size = sprintf(les[SLOTS - 1].text, "\",le=\"+Inf\"} ");
  before_error.size = sprintf(before_error.text, "\",error=\"");
  before_op.size = sprintf(before_op.text, "\",node=\"n1\",op=\"");
  before_value.size = sprintf(before_value.text, shape == 'c' ? "\",node=\"n1\"} " : "\"} ");
  for (int n = 0; n < 10000; n++) {
    char digits[8];
    sprintf(digits, "%04d", n);
    memcpy(four_digits[n], digits, 4);
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return fprintf(stderr, "usage: scrape ints|text|cpus|slots PIN FAMILY BPF_NAME\n"), 64;
  char shape = argv[1][0];
  int map = bpf_obj_get(argv[2]);
  if (map < 0) die(argv[2]);
  struct bpf_map_info info = {};
  uint32_t info_size = sizeof info;
  if (bpf_obj_get_info_by_fd(map, &info, &info_size)) die("bpf_obj_get_info_by_fd");
  int cpus = shape == 'c' ? libbpf_num_possible_cpus() : 1;
  make_pieces(shape, argv[3], argv[4]);
  char *text = malloc((size_t)info.max_entries * LINE * (shape == 's' ? SLOTS + 2 : 1) + LINE);
  void *keys = malloc((size_t)BATCH * info.key_size), *values = malloc((size_t)BATCH * info.value_size * cpus);
  int title = sprintf(text, "# HELP %.100s BPF map %.100s.\n# TYPE %.100s %s\n", argv[3], argv[3] + 4, argv[3],
                      shape == 's' ? "histogram" : "untyped");

  int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t address_size = sizeof address;
  if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 8)) die("listen");
  if (getsockname(server, (struct sockaddr *)&address, &address_size)) die("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int client = accept(server, NULL, NULL);
    if (client < 0) die("accept");
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (read_request(client)) {
      size_t size = write_map(map, shape, keys, values, cpus, text + title) - text;
      char header[HEADER];
      int header_size = sprintf(header,
                                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                                "Content-Length: %zu\r\n\r\n",
                                size);
      struct iovec parts[] = {{header, header_size}, {text, size}};
      write_all(client, parts, 2);
    }
    close(client);
  }
}
