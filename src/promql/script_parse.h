#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/histogram.h"
#include "model/labels.h"

namespace slurmscope::promql {

using base::Result;

// One element of a series line: nothing, a number or a histogram.
struct ScriptPoint {
  bool omitted = false;
  double v = 0;
  model::HistogramPtr histogram = nullptr;
  bool has_hint = false;              // the histogram's reset hint is written out
  std::optional<int64_t> start = {};  // when its counter began, ms from the sample's time
};

struct ScriptSeries {
  model::Labels labels;
  std::vector<ScriptPoint> points;
  bool starts_only = false;  // gives start times for samples that another line has
};

// `{{schema:1 sum:5 count:4 buckets:[1 2 1]}}`, taken off the front of `rest`.
Result<ScriptPoint> TakeHistogram(std::string_view& rest);

// `{{...}}`, `{{...}}x3`, `{{...}}+{{...}}x3`: one to many points. script_histogram.cc
Result<std::vector<ScriptPoint>> ParseHistograms(std::string_view item);

// The custom-bucket histograms that classic ones among `series` amount to. script_nhcb.cc
std::vector<ScriptSeries> CustomBucketHistograms(const std::vector<ScriptSeries>& series);

constexpr size_t kMaxRepeat = 1'000'000;

// `metric{a="b"} 1 2+3x4 _ stale` or `metric@st -30s-1mx2 _`; kInvalidArgument with the reason when
// it is not so.
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
};

struct ScriptCommand {
  enum class Kind { kClear, kLoad, kEval, kDelayedNameRemoval } kind = Kind::kClear;
  LoadCommand load;
  EvalCase eval;
  bool on = false;  // delayed name removal
};

// All commands of a script, or "line N: why not".
Result<std::vector<ScriptCommand>> ParseScript(std::string_view text);

}  // namespace slurmscope::promql
