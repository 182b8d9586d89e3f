// jitter CPU SECONDS [--rt]: works on one CPU and says what took it away: a loop that reads the clock, and counts how long it was
// not running. Beside it run what is to be measured, on other CPUs; compare with a run without. Nothing else may be on that CPU
// (isolcpus, a Slurm node drained). --rt: SCHED_FIFO, so that only interrupts and the kernel's own threads interrupt (needs root).
//   cc -O2 -o jitter bench/jitter.c
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

enum { kClasses = 8 };
static const uint64_t kFrom[kClasses] = {1000, 2000, 5000, 10000, 50000, 100000, 1000000, 10000000};

int main(int argc, char** argv) {
  if (argc < 3) return fprintf(stderr, "usage: jitter CPU SECONDS [--rt]\n"), 1;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET((size_t)atoi(argv[1]), &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) return perror("sched_setaffinity"), 1;
  const struct sched_param priority = {.sched_priority = 1};
  if (argc > 3 && strcmp(argv[3], "--rt") == 0 && sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
    return perror("sched_setscheduler"), 1;
  uint64_t count[kClasses] = {0}, lost[kClasses] = {0}, longest = 0, all = 0;
  const uint64_t begin = now_ns(), end = begin + strtoull(argv[2], NULL, 10) * 1000000000u;
  for (uint64_t last = begin, now; last < end; last = now) {
    now = now_ns();
    const uint64_t gap = now - last;
    if (gap < kFrom[0]) continue;
    int class = kClasses - 1;
    while (gap < kFrom[class]) --class;
    ++count[class];
    lost[class] += gap;
    all += gap;
    if (gap > longest) longest = gap;
  }
  const double seconds = (double)(now_ns() - begin) / 1e9;
  printf("%16s %12s %12s\n", "gap of at least", "a second", "ppm of time");
  for (int i = 0; i < kClasses; ++i)
    printf("%13.0f us %12.2f %12.2f\n", (double)kFrom[i] / 1e3, (double)count[i] / seconds, (double)lost[i] / seconds / 1e3);
  printf("lost %.1f ppm, longest %.1f us\n", (double)all / seconds / 1e3, (double)longest / 1e3);
  return 0;
}
