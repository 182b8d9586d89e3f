#include "base/program_pages.h"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

namespace slurmscope::base {
namespace {

int GiveBackObject(dl_phdr_info* object, size_t, void*) {
  if (std::string_view(object->dlpi_name).starts_with("linux-vdso")) return 0;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Backwards: the first segment has the table that is read here.
  for (int i = object->dlpi_phnum - 1; i >= 0; --i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    // Advice: nothing is lost when it is not taken.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how the loader names addresses
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void GiveBackProgramPages() { ::dl_iterate_phdr(&GiveBackObject, nullptr); }

}  // namespace slurmscope::base
