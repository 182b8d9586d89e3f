#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace slurmscope::promql {

// Where the time of a query went, in seconds; the names are those of Prometheus' statistics.
struct QueryTimings {
  double queue = 0;        // waiting for a place among the running queries
  double preparation = 0;  // until evaluation begins
  double inner_eval = 0;   // evaluation
  double result_sort = 0;  // making the answer of the table
  double eval_total = 0;   // the three before
  double total = 0;        // all
};

struct QueryStats {
  int64_t samples_read = 0;  // from storage
  // As Prometheus counts them: at each step those that selectors and windows hold there. Only
  // counted when asked for.
  int64_t total_samples = 0;
  std::vector<std::pair<int64_t, int64_t>> per_step;  // time and samples
  int64_t peak_samples = 0;                           // held at once
  QueryTimings timings;
};

}  // namespace slurmscope::promql
