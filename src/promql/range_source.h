#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/querier.h"
#include "model/sample.h"
#include "promql/step_grid.h"

namespace slurmscope::promql {

using base::Result;

// Where a selector looks when the expression is evaluated at some time: `offset` and `@` applied.
struct TimeShift {
  bool fixed = false;  // `@`: the same time at every step
  int64_t at_ms = 0;
  int64_t offset_ms = 0;

  int64_t Apply(int64_t t) const { return SaturatingSub(fixed ? at_ms : t, offset_ms); }
};

// How a range vector treats the edges of its windows: `anchored`, `smoothed` or neither.
enum class RangeMode { kPlain, kAnchored, kSmoothed };

// The windows of a range vector: at step i (shift(t_i) - range, shift(t_i)].
struct WindowPlan {
  StepGrid grid;
  TimeShift shift;
  int64_t range_ms = 0;
  RangeMode mode = RangeMode::kPlain;
  int64_t lookback_ms = 0;  // beyond the edges, unless plain

  int64_t End(size_t i) const { return shift.Apply(grid.At(i)); }
  int64_t Start(size_t i) const { return SaturatingSub(End(i), range_ms); }
};

// The series of a range vector. The functions may be called from many threads.
struct RangeSource {
  WindowPlan plan;
  size_t size = 0;
  std::function<model::Labels(size_t)> labels;
  std::function<bool(size_t)> drop_name;
  // All samples that any window needs, without stale markers.
  std::function<Result<void>(size_t, model::Columns*)> load;
  // The same with the newest only; null where there is no shorter way to it.
  std::function<Result<void>(size_t, model::Columns*)> load_newest;
  // Null for a subquery.
  std::function<model::LabelGroups(const std::vector<std::string>&, bool)> groups;
  // What reading a series may cost.
  size_t samples = 64;
};

}  // namespace slurmscope::promql
