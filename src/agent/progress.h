#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace slurmscope::agent {

// What a collector's thread is reading right now, for others to look at when it does not come back.
// One thread writes, any may read: what they get may be of two paths when they meet, never more
// than that.
class Progress {
 public:
  // At most 256 bytes are kept. Costs a few nanoseconds.
  void Set(std::string_view path);
  // Empty when nothing is being read. Bytes that are not UTF-8 are the reader's business.
  std::string Get() const;

 private:
  std::array<std::atomic<uint64_t>, 32> words_{};
  std::atomic<uint32_t> size_{0};
};

// Notes a path in the progress of this thread, if it has one.
void NotePath(std::string_view path);

// Makes `progress` that of this thread while it lives.
class ProgressScope {
 public:
  explicit ProgressScope(Progress& progress);
  ~ProgressScope();
  ProgressScope(const ProgressScope&) = delete;
  ProgressScope& operator=(const ProgressScope&) = delete;
};

}  // namespace slurmscope::agent
