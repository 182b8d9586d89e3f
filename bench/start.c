// start N PORT PROGRAM [ARGUMENTS]: starts a program that serves http://127.0.0.1:PORT/metrics N times, and prints for each how many
// milliseconds went by from before the start to the first bytes of an answer, and how many of CPU time the program had used when it was
// killed then. Waits by trying to connect each 0.1 ms. Exits with 1 when the program does not answer within ten seconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double children_cpu_ms(void) {
  struct rusage u;
  getrusage(RUSAGE_CHILDREN, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static int answers(int port, double until) {
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  while (now_ms() < until) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char first[4096];
    int ok = connect(fd, (const struct sockaddr*)&address, sizeof address) == 0;
    ok = ok && write(fd, request, sizeof request - 1) > 0 && read(fd, first, sizeof first) > 0;
    close(fd);
    if (ok) return 1;
    usleep(100);
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  for (int left = atoi(argv[1]); left > 0; --left) {
    const double cpu = children_cpu_ms();
    const double begun = now_ms();
    pid_t child;
    if (posix_spawn(&child, argv[3], NULL, NULL, argv + 3, environ) != 0) return 1;
    const int ok = answers(atoi(argv[2]), begun + 10e3);
    const double ms = now_ms() - begun;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (!ok) return 1;
    printf("%.3f %.3f\n", ms, children_cpu_ms() - cpu);
    usleep(20000);
  }
  return 0;
}
