#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "promql/query_stats.h"

namespace slurmscope::promql {

using base::Result;

// Who asked; kept by the caller while the query runs. Empty parts are not told.
struct QueryOrigin {
  std::string client_ip;  // of an HTTP request
  std::string method;
  std::string path;
  std::string rule_file;  // of a rule
  std::string rule_group;
};

// A query that is over.
struct QueryLogEntry {
  std::string_view query;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;  // 0: an instant query
  const QueryOrigin* origin = nullptr;
  const QueryStats& stats;
  std::string_view error = {};
};

// The file of global.query_log_file: one line of JSON for each query, in the shape that Prometheus
// 3 writes (time, level, msg, params, error, stats, httpRequest or ruleGroup; no spanID, as there
// is no tracing). A line is written with one write(2) to the end of the file and never waits in
// memory. A line that cannot be written is lost: counted, and logged once until one is written
// again. Thread-safe.
class QueryLog {
 public:
  // Opens a file, made where it is missing (mode 0640), instead of the one before; "" closes. A
  // file that was moved away is left behind, so that it may be rotated. On an error the one before
  // stays.
  Result<void> Open(const std::string& path);

  void Write(const QueryLogEntry& entry);

  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> enabled_{false};
  std::atomic<uint64_t> failures_{0};
  std::mutex mutex_;
  std::string path_;
  base::File file_;
  bool failing_ = false;
};

}  // namespace slurmscope::promql
