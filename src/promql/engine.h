#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/duration_summary.h"
#include "base/result.h"
#include "model/labels.h"
#include "model/querier.h"
#include "model/sample.h"
#include "promql/parser.h"
#include "promql/query_log.h"
#include "promql/query_stats.h"

namespace slurmscope::promql {

struct ScalarResult {
  int64_t t = 0;
  double v = 0;
};
struct StringResult {
  int64_t t = 0;
  std::string v;
};
struct VectorSample {
  model::Labels labels;
  double v = 0;
  model::HistogramPtr histogram = nullptr;  // then `v` means nothing
};
struct VectorResult {
  int64_t t = 0;
  std::vector<VectorSample> samples;
};
struct MatrixSeries {
  model::Labels labels;
  model::Columns points;
};
// Sorted by labels.
struct MatrixResult {
  std::vector<MatrixSeries> series;
};

struct QueryResult {
  std::variant<ScalarResult, StringResult, VectorResult, MatrixResult> value;
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
  QueryStats stats;
};

struct EngineOptions {
  int64_t lookback_ms = 5 * 60 * 1000;
  int64_t timeout_ms = 2 * 60 * 1000;
  int64_t max_samples = 50'000'000;
  int64_t max_bytes = 0;  // of memory that one query holds, nearly; 0: no limit
  int64_t default_subquery_step_ms = 60 * 1000;  // global.evaluation_interval
  int max_concurrency = 20;  // queries running at once; more wait, within their timeout
  int threads = 0;  // for the series of one query side by side; 0: as many as the machine has cores
  // Functions keep __name__ until the whole expression is evaluated [promql-delayed-name-removal].
  bool delayed_name_removal = false;
  ParserOptions parser;
};

// What of QueryStats is worth a second reading of the samples.
enum class StatsWanted { kCheap, kTotal, kPerStep };

// Of one query.
struct QueryOptions {
  int64_t lookback_ms = 0;  // 0: the engine's
  int64_t timeout_ms = 0;   // 0: the engine's; never longer than the engine's
  // Asked now and then during evaluation, never by two threads at once.
  std::function<bool()> canceled = [] { return false; };
  StatsWanted stats = StatsWanted::kCheap;
  // Of an instant query: kUnavailable, and no trace of it, where the answer takes more than some
  // ten microseconds or would have to wait for others.
  bool at_once = false;
  const QueryOrigin* origin = nullptr;  // for the query log; outlives the query
};

// Evaluates PromQL with the semantics of Prometheus 3: left-open ranges and lookback. Thread-safe.
// Error codes: kInvalidArgument (parse), kTimeout, kCanceled, kResourceExhausted and kOutOfRange
// (execution), kIo and kCorruption (storage).
class Engine {
 public:
  explicit Engine(EngineOptions options);
  ~Engine();

  Result<QueryResult> Instant(model::Queryable& storage, std::string_view query, int64_t t,
                              const QueryOptions& options = {});
  // Steps at start, start+step, ... <= end; step > 0. The value is a matrix.
  Result<QueryResult> Range(model::Queryable& storage, std::string_view query, int64_t start,
                            int64_t end, int64_t step, const QueryOptions& options = {});

  const EngineOptions& options() const;
  // Queries running now, for metrics.
  int active() const;
  // How long the parts of queries took, by Prometheus' names of them.
  struct Slice {
    std::string_view name;
    base::DurationSummary::Values durations;
  };
  std::vector<Slice> slices(const std::vector<double>& ranks) const;
  // Closed at first. Gets every query that parses, when it is over.
  QueryLog& log();
  const QueryLog& log() const;
  // After a configuration reload.
  void SetDefaultSubqueryStep(int64_t milliseconds);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slurmscope::promql
