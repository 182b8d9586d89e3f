#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace slurmscope::tsdb {

// Pages that cannot be read (the disk fails, or somebody made the file shorter) read as zeros: a
// handler of SIGBUS, installed with the first file, sees to that. What is read must have checksums.
//
// A file in memory, read only, unmapped at the end. Movable; thread-safe to read.
class MappedFile {
 public:
  MappedFile() = default;
  ~MappedFile() { Unmap(); }
  MappedFile(MappedFile&& other) noexcept : view_(std::exchange(other.view_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept;

  // Errors name the path. With `span` so many bytes are mapped, however long the file is: what is
  // written to it later can be read in its place. No byte may be read before it is written.
  static base::Result<MappedFile> Open(const std::string& path, uint64_t span = 0);
  std::string_view view() const { return view_; }
  // The process no longer holds the pages that were read; the next read maps them again.
  void DropPages() const;

 private:
  void Unmap();
  std::string_view view_;
};

}  // namespace slurmscope::tsdb
