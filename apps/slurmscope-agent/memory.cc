#include "memory.h"

#include <malloc.h>

#include "base/program_pages.h"

namespace slurmscope {

void UseOneHeap() {
  (void)::mallopt(M_ARENA_MAX, 1);
  // A page as large as ours would be mapped for each scrape and unmapped behind it, and unmapping
  // interrupts every CPU that our threads have run on.
  constexpr int kLargestPage = 8 << 20;
  (void)::mallopt(M_MMAP_THRESHOLD, kLargestPage);
  (void)::mallopt(M_TRIM_THRESHOLD, kLargestPage);
}

void GiveBackMemory() {
  (void)::malloc_trim(0);
  base::GiveBackProgramPages();
}

}  // namespace slurmscope
