#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace slurmscope::agent {

// A directory of /proc or /sys that is listed again and again: stays open, is opened anew when it
// has become empty, and a list takes no memory of its own. Not thread-safe.
class Directory {
 public:
  explicit Directory(std::string path) : path_(std::move(path)) {}

  // The names in it, sorted, without "." and "..". Valid until the next List of any Directory in
  // this thread. A missing directory is kNotFound.
  base::Result<std::span<const std::string_view>> List();
  // For openat; valid from one List to the next, -1 after one that failed.
  int fd() const { return file_.fd(); }
  // Whether it is one of /proc or /sys; known from the first List on.
  bool of_kernel() const { return of_kernel_; }

  const std::string& path() const { return path_; }

 private:
  base::Result<void> Open();

  std::string path_;
  base::File file_;
  bool of_kernel_ = false;
};

}  // namespace slurmscope::agent
