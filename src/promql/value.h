#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "model/sample.h"
#include "promql/engine.h"
#include "promql/query_guard.h"

namespace slurmscope::promql {

// Marks "no sample at this step" in a column. The stale marker serves: it never survives selection,
// and arithmetic cannot make it, since a signalling NaN comes out quiet.
inline double Absent() { return model::StaleNan(); }
inline bool IsAbsent(double v) { return model::IsStale(v); }

struct SeriesMeta {
  model::Labels labels;
  bool drop_name = false;  // __name__ goes when the query ends (delayed name removal)
};

// An instant vector at all steps: one row of `steps` values for each series.
struct VectorValue {
  size_t steps = 0;
  std::vector<SeriesMeta> series;
  std::vector<double> values;  // series-major
  SampleCharge charge;

  double* Row(size_t i) { return values.data() + i * steps; }
  const double* Row(size_t i) const { return values.data() + i * steps; }
  size_t size() const { return series.size(); }
};

// What an expression evaluates to. Which member counts depends on `type`.
struct Value {
  ValueType type = ValueType::kVector;
  std::vector<double> scalar;  // one for each step
  VectorValue vector;
  std::vector<MatrixSeries> matrix;
  SampleCharge matrix_charge;
  std::string text;
};

// A vector of `n` series without labels or samples yet, charged to the guard.
Result<VectorValue> NewVector(QueryGuard& guard, size_t n, size_t steps);

// Removes rows without any sample.
void DropEmptyRows(VectorValue& vector);

// Series with equal labels become one; kOutOfRange when two of them have a sample at the same step.
Result<void> MergeSameLabels(VectorValue& vector);

// Removes __name__ from series [all of them, or those marked so], then merges.
Result<void> RemoveNames(VectorValue& vector, bool only_marked);

// __name__, and the labels that describe the metric and go with its name: __type__ and __unit__.
bool IsMetadataLabel(std::string_view name);
model::Labels WithoutName(const model::Labels& labels);

}  // namespace slurmscope::promql
