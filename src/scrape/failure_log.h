#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/line_log.h"

namespace slurmscope::scrape {

// A file of scrape_failure_log_file: one line of JSON for each scrape that failed, with time,
// level, msg (the error), job_name and target, as Prometheus writes it. Thread-safe.
class FailureLog {
 public:
  FailureLog() : log_("scrape failure log") {}

  base::Result<void> Open(const std::string& path) { return log_.Open(path); }
  void Write(std::string_view job, std::string_view target, std::string_view error);

 private:
  base::LineLog log_;
};

// The files of all jobs; jobs that name the same one share it. Thread-safe.
class FailureLogs {
 public:
  // Null for an empty path, and for a file that cannot be opened, which is logged.
  std::shared_ptr<FailureLog> Get(const std::string& path);
  // Opens all that are in use anew, so that they can be rotated; forgets the others.
  void Reopen();

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FailureLog>> logs_;
};

}  // namespace slurmscope::scrape
