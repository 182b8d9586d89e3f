#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"

namespace slurmscope::promql {

using base::Result;

// One element of a series line: nothing, a number, or something the engine has no floats for.
struct ScriptPoint {
  bool omitted = false;
  bool histogram = false;
  double v = 0;
};

struct ScriptSeries {
  model::Labels labels;
  std::vector<ScriptPoint> points;
  bool has_histogram = false;
};

// `metric{a="b"} 1 2+3x4 _ stale`; kInvalidArgument with the reason when it is not so.
Result<ScriptSeries> ParseSeriesLine(std::string_view line);

// What stands between `expect fail msg:` and the end of line.
enum class ExpectKind { kOrdered, kFail, kWarn, kNoWarn, kInfo, kNoInfo, kRangeVector, kString };

struct Expectation {
  ExpectKind kind = ExpectKind::kOrdered;
  std::string message;  // exact text
  std::string regex;    // found anywhere in the text
  int64_t start = 0;    // of a range vector
  int64_t end = 0;
  int64_t step = 0;
  std::string text;  // of a string
};

struct EvalCase {
  size_t line = 0;  // of the script, from 1
  bool range = false;
  int64_t start = 0;
  int64_t end = 0;
  int64_t step = 0;
  std::string query;
  std::vector<Expectation> expectations;
  std::vector<ScriptSeries> series;
  std::optional<double> scalar;

  bool Expects(ExpectKind kind) const;
};

struct LoadCommand {
  int64_t interval = 0;
  bool with_nhcb = false;
  std::vector<ScriptSeries> series;
  bool start_timestamps = false;  // has lines that give them
};

struct ScriptCommand {
  enum class Kind { kClear, kLoad, kEval } kind = Kind::kClear;
  LoadCommand load;
  EvalCase eval;
};

// All commands of a script, or "line N: why not".
Result<std::vector<ScriptCommand>> ParseScript(std::string_view text);

}  // namespace slurmscope::promql
