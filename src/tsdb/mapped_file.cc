#include "tsdb/mapped_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

#include "base/file.h"
#include "base/file_faults.h"

namespace slurmscope::tsdb {
namespace {

// What is mapped now, for the signal handler, which may not lock. Mappings beyond the table do
// without its help.
struct Range {
  std::atomic<uintptr_t> begin = 0;
  std::atomic<uintptr_t> end = 0;
};
std::array<Range, 16 * 1024> ranges;
std::atomic<size_t> ranges_used = 0;
std::mutex ranges_mutex;
struct sigaction previous_action;

bool IsMapped(uintptr_t address) {
  size_t used = ranges_used.load(std::memory_order_acquire);
  for (size_t i = 0; i < used; ++i) {
    uintptr_t begin = ranges[i].begin.load(std::memory_order_acquire);
    if (begin != 0 && begin <= address && address < ranges[i].end.load()) return true;
  }
  return false;
}

// A page that the disk does not give, or that is no longer in the file, reads as zeros, which no
// checksum matches.
void OnBusError(int signal, siginfo_t* info, void* context) {
  auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  int saved = errno;
  if (IsMapped(address)) {
    void* place = ::mmap(reinterpret_cast<void*>(address / page * page), page, PROT_READ,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    errno = saved;
    if (place != MAP_FAILED) return;
  }
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    return previous_action.sa_sigaction(signal, info, context);
  }
  // The access is tried again, and ends the process.
  ::sigaction(SIGBUS, &previous_action, nullptr);
}

void InstallHandler() {
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous_action);
}

void Remember(std::string_view view) {
  static std::once_flag installed;
  std::call_once(installed, InstallHandler);
  auto begin = reinterpret_cast<uintptr_t>(view.data());
  std::lock_guard lock(ranges_mutex);
  size_t used = ranges_used.load();
  size_t i = 0;
  while (i < used && ranges[i].begin != 0) ++i;
  if (i == ranges.size()) return;
  ranges[i].end = begin + view.size();
  ranges[i].begin = begin;
  if (i == used) ranges_used.store(used + 1, std::memory_order_release);
}

void Forget(std::string_view view) {
  auto begin = reinterpret_cast<uintptr_t>(view.data());
  std::lock_guard lock(ranges_mutex);
  for (size_t i = 0; i < ranges_used.load(); ++i) {
    if (ranges[i].begin == begin) ranges[i].begin = 0;
  }
}

}  // namespace

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this == &other) return *this;
  Unmap();
  view_ = std::exchange(other.view_, {});
  return *this;
}

base::Result<MappedFile> MappedFile::Open(const std::string& path, uint64_t span) {
  base::File file = TRY(base::File::Open(path, O_RDONLY));
  uint64_t size = span > 0 ? span : TRY_CONTEXT(file.Size(), path);
  MappedFile mapped;
  if (size == 0) return mapped;
  if (int fault = base::FaultOf(base::FileOp::kMap, path)) return base::FailErrno(path, fault);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (memory == MAP_FAILED) return base::FailErrno("mmap " + path, errno);
  mapped.view_ = {static_cast<const char*>(memory), size};
  Remember(mapped.view_);
  return mapped;
}

void MappedFile::DropPages() const {
  if (!view_.empty()) ::madvise(const_cast<char*>(view_.data()), view_.size(), MADV_DONTNEED);
}

void MappedFile::Unmap() {
  if (view_.empty()) return;
  Forget(view_);
  ::munmap(const_cast<char*>(view_.data()), view_.size());
  view_ = {};
}

}  // namespace slurmscope::tsdb
