#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace slurmscope::app {

// How far long work has come, on standard error, for people who wait: nothing before two seconds
// have passed; then on a terminal one line that is written over twice a second, elsewhere (a log
// file) a line each ten seconds. Not thread-safe.
class Progress {
 public:
  // `what` is being done, e.g. "reading a.om".
  explicit Progress(std::string what);
  // Removes the line from a terminal.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `note` comes behind the percentage. Cheap to call.
  void Update(uint64_t done, uint64_t total, std::string_view note = {});
  // Something else is being done now.
  void Rename(std::string what) { what_ = std::move(what); }

 private:
  const base::Clock& clock_ = base::SystemClock();
  std::string what_;
  bool terminal_ = false;
  bool shown_ = false;
  int64_t next_ns_ = 0;
};

}  // namespace slurmscope::app
