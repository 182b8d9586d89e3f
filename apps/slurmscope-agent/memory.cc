#include "memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#include "base/program_pages.h"

namespace slurmscope {

namespace {

// The start and the first page need that much of the heap: brought in at once it costs one call and
// not a hundred interruptions.
void FillHeap() {
  constexpr size_t kStart = 384 << 10;
  constexpr uintptr_t kPage = 4096;
  void* const room = std::malloc(kStart);
  if (room == nullptr) return;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(room) + kPage - 1) & ~(kPage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(room) + kStart) & ~(kPage - 1);
  // Advice, which older kernels do not know.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a page within the room
  (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE);
  std::free(room);
}

}  // namespace

void UseOneHeap() {
  (void)::mallopt(M_ARENA_MAX, 1);
  // A page as large as ours would be mapped for each scrape and unmapped behind it, and unmapping
  // interrupts every CPU that our threads have run on.
  constexpr int kLargestPage = 8 << 20;
  (void)::mallopt(M_MMAP_THRESHOLD, kLargestPage);
  (void)::mallopt(M_TRIM_THRESHOLD, kLargestPage);
  FillHeap();
}

void GiveBackMemory() {
  (void)::malloc_trim(0);
  base::GiveBackProgramPages();
}

}  // namespace slurmscope
