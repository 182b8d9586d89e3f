#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/line_log.h"
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
// is no tracing). Thread-safe.
class QueryLog {
 public:
  // As base::LineLog's.
  Result<void> Open(const std::string& path) { return log_.Open(path); }

  void Write(const QueryLogEntry& entry);

  bool enabled() const { return log_.enabled(); }
  uint64_t failures() const { return log_.failures(); }

 private:
  base::LineLog log_{"query log"};
};

}  // namespace slurmscope::promql
