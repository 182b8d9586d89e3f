#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace slurmscope::base {

// A file that lines are appended to, each with one write(2), so that none waits in memory. A line
// that cannot be written is lost: counted, and told once until one is written again. Thread-safe.
class LineLog {
 public:
  // `what` names it in the program's own log: "query log".
  explicit LineLog(std::string_view what) : what_(what) {}

  // Opens a file, made where it is missing (mode 0640: it may tell of what not everybody should
  // read), instead of the one before; "" closes. A file that was moved away is left behind, so that
  // it may be rotated. On an error the one before stays.
  Result<void> Open(const std::string& path);
  // `line` with the newline at its end.
  void Write(std::string_view line);

  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  const std::string what_;
  std::atomic<bool> enabled_{false};
  std::atomic<uint64_t> failures_{0};
  std::mutex mutex_;
  std::string path_;
  File file_;
  bool failing_ = false;
};

}  // namespace slurmscope::base
