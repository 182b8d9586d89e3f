#include "tsdb/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "base/file.h"
#include "base/file_faults.h"

namespace slurmscope::tsdb {

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this == &other) return *this;
  Unmap();
  view_ = std::exchange(other.view_, {});
  return *this;
}

base::Result<MappedFile> MappedFile::Open(const std::string& path) {
  base::File file = TRY(base::File::Open(path, O_RDONLY));
  uint64_t size = TRY_CONTEXT(file.Size(), path);
  MappedFile mapped;
  if (size == 0) return mapped;
  if (int fault = base::FaultOf(base::FileOp::kMap, path)) return base::FailErrno(path, fault);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (memory == MAP_FAILED) return base::FailErrno("mmap " + path, errno);
  mapped.view_ = {static_cast<const char*>(memory), size};
  return mapped;
}

void MappedFile::Unmap() {
  if (!view_.empty()) ::munmap(const_cast<char*>(view_.data()), view_.size());
  view_ = {};
}

}  // namespace slurmscope::tsdb
