// Scrapes several targets in turn, each over one kept connection, and prints for each round the microseconds that each
// took, from the request's first byte to the answer's last. In C, so that the client's own time is as good as nothing.
// Each round goes in another order, the same in every run: who always came after the slowest would always be found cold.
// usage: client ROUNDS PORT PATH [PORT PATH]...
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TARGETS = 8, BUFFER = 1 << 20, TAIL = 7, MAX_PAUSE_US = 200000 };

static char buffer[BUFFER];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int connect_to(int port) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static size_t receive(int fd, size_t at) {
  ssize_t got = recv(fd, buffer + at, sizeof buffer - 1 - at, 0);
  if (got <= 0) die("the server closed its connection");
  return got;
}

// Reads one answer to its end, by its Content-Length or its last chunk, and throws it away. Dies if it is not a 200.
static void read_answer(int fd) {
  size_t size = 0;
  char *end;
  do {
    size += receive(fd, size);
    buffer[size] = 0;
  } while (!(end = strstr(buffer, "\r\n\r\n")));
  if (strncmp(buffer, "HTTP/1.1 200", 12)) die(buffer);
  *end = 0;
  char *length = strcasestr(buffer, "\r\nContent-Length:");
  size_t body = buffer + size - (end + 4);
  if (length) {
    for (long left = atol(length + 17) - (long)body; left > 0;) left -= receive(fd, 0);
    return;
  }
  // Chunked: our labels never hold what the last chunk looks like. It may arrive in pieces, so the tail is kept.
  size_t kept = body < TAIL ? body : TAIL;
  memmove(buffer, end + 4 + body - kept, kept);
  while (kept < TAIL || memcmp(buffer + kept - TAIL, "\r\n0\r\n\r\n", TAIL)) {
    size_t got = kept + receive(fd, kept);
    kept = got < TAIL ? got : TAIL;
    memmove(buffer, buffer + got - kept, kept);
  }
}

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

// Fisher and Yates.
static void shuffle(int *order, int count) {
  for (int i = count - 1; i > 0; i--) {
    int other = rand() % (i + 1), kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
}

int main(int argc, char **argv) {
  int targets = (argc - 2) / 2, fds[MAX_TARGETS];
  if (argc < 4 || argc % 2 || targets > MAX_TARGETS) {
    fprintf(stderr, "usage: client ROUNDS PORT PATH [PORT PATH]...\n");
    return 64;
  }
  for (int i = 0; i < targets; i++) fds[i] = connect_to(atoi(argv[2 + i * 2]));
  int order[MAX_TARGETS];
  for (int i = 0; i < targets; i++) order[i] = i;
  srand(1);
  for (int round = 0; round < atoi(argv[1]); round++) {
    double took_us[MAX_TARGETS];
    shuffle(order, targets);
    for (int at = 0; at < targets; at++) {
      int i = order[at];
      char request[512];
      int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", argv[3 + i * 2]);
      double start = now_us();
      if (send(fds[i], request, size, MSG_NOSIGNAL) != size) die("send");
      read_answer(fds[i]);
      took_us[i] = now_us() - start;
      // What a server does behind its answer, such as collecting garbage, is not to be charged to the next one.
      usleep(took_us[i] < MAX_PAUSE_US ? took_us[i] : MAX_PAUSE_US);
    }
    for (int i = 0; i < targets; i++) printf("%.1f%c", took_us[i], i + 1 < targets ? ' ' : '\n');
    fflush(stdout);
  }
  return 0;
}
