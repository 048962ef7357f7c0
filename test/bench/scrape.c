// The floor that the agent's scrape is held against: one map read in batches and written as Prometheus text by hand, for
// the three shapes of scrape.bpf.c, served over HTTP on loopback. One connection at a time, no allocation per scrape.
// usage: scrape ints|text|cpus PIN FAMILY BPF_NAME    prints its port, then serves until it is killed
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

enum { BATCH = 4096, LINE = 512, HEADER = 512 };

struct ints_key {
  uint64_t cgroup;
  uint32_t op, error;
};
struct text_key {
  char comm[16];
  uint32_t op, error;
};
struct piece {
  char text[LINE];
  size_t size;
};

static char four_digits[10000][4];
static struct piece head, before_error, before_op, before_value;

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

static void make_pieces(char shape, const char *family, const char *name) {
  const char *first = shape == 'i' ? "cgroup" : shape == 't' ? "comm" : "key";
  head.size = sprintf(head.text, "%.100s{bpf_name=\"%.100s\",bpf_namespace=\"bench\",%s=\"", family, name, first);
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
  if (argc != 5) return fprintf(stderr, "usage: scrape ints|text|cpus PIN FAMILY BPF_NAME\n"), 64;
  char shape = argv[1][0];
  int map = bpf_obj_get(argv[2]);
  if (map < 0) die(argv[2]);
  struct bpf_map_info info = {};
  uint32_t info_size = sizeof info;
  if (bpf_obj_get_info_by_fd(map, &info, &info_size)) die("bpf_obj_get_info_by_fd");
  int cpus = shape == 'c' ? libbpf_num_possible_cpus() : 1;
  make_pieces(shape, argv[3], argv[4]);
  char *text = malloc((size_t)info.max_entries * LINE + LINE);
  void *keys = malloc((size_t)BATCH * info.key_size), *values = malloc((size_t)BATCH * 8 * cpus);
  int title = sprintf(text, "# HELP %.100s BPF map %.100s.\n# TYPE %.100s untyped\n", argv[3], argv[3] + 4, argv[3]);

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
