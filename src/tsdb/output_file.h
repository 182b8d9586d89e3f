#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace slurmscope::tsdb {

// A new file written front to back through a buffer. Not thread-safe.
class OutputFile {
 public:
  static base::Result<OutputFile> Create(const std::string& path);

  base::Result<void> Write(std::string_view bytes);
  // Zero bytes up to the next multiple of `alignment`.
  base::Result<void> Align(uint64_t alignment);
  uint64_t position() const { return position_; }
  // Replaces bytes written before.
  base::Result<void> Patch(uint64_t offset, std::string_view bytes);
  // Writes what is left and syncs.
  base::Result<void> Finish();

 private:
  OutputFile(base::File file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  base::Result<void> Flush();

  base::File file_;
  std::string path_;
  std::string buffer_;
  uint64_t position_ = 0;
};

}  // namespace slurmscope::tsdb
