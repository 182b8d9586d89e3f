#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "query_print.h"

namespace slurmscope::app {

// The arguments of `slurmscope query VERB`, as promtool has them.
struct QueryArgs {
  enum class Verb { kInstant, kRange, kSeries, kLabels, kAnalyze };
  Verb verb = Verb::kInstant;
  std::string server;  // with its scheme, without a slash at the end
  std::string expr;    // or the name of a label
  std::optional<int64_t> time_ms;
  std::optional<int64_t> start_ms;
  std::optional<int64_t> end_ms;
  int64_t step_ms = 0;              // 0: chosen by the time asked for
  int64_t duration_ms = 3'600'000;  // looked at by kAnalyze, up to time_ms
  std::vector<std::string> match;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string http_config_file;
  std::optional<QueryFormat> format;
};

// kNotFound with nothing when help is asked for, kInvalidArgument with what is wrong.
base::Result<QueryArgs> ParseQueryArgs(const std::vector<std::string>& args);

}  // namespace slurmscope::app
