#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace slurmscope::agent {

using base::Result;

// A file of /proc or /sys that is read again and again: stays open, is read with pread into its own
// buffer, and is opened anew when reading fails. Files of an ordinary file system (fixtures) are
// opened anew when they were replaced. A file beyond 64 MiB is an error. Not thread-safe.
class ProcFile {
 public:
  explicit ProcFile(std::string path) : path_(std::move(path)) {}

  // The whole content, valid until the next Read. A missing file is kNotFound.
  Result<std::string_view> Read();
  // The content without blanks and newline around it.
  Result<std::string_view> ReadTrimmed();
  // A whole decimal number.
  Result<uint64_t> ReadUint();

  const std::string& path() const { return path_; }

 private:
  Result<void> Open();
  Result<std::string_view> ReadOpen();

  std::string path_;
  base::File file_;
  bool keep_open_ = false;
  bool of_kernel_ = false;
  std::string buffer_;
};

// A ProcFile shared by collectors: the first Read of a scrape reads, the others get the same text.
// Thread-safe; the text lives as long as the caller holds it.
class SharedProcFile {
 public:
  explicit SharedProcFile(std::string path) : file_(std::move(path)) {}

  void BeginScrape();
  Result<std::shared_ptr<const std::string>> Read();

 private:
  std::mutex mutex_;
  ProcFile file_;
  std::shared_ptr<std::string> text_ = std::make_shared<std::string>();
  bool fresh_ = false;
};

}  // namespace slurmscope::agent
