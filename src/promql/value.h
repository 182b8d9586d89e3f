#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/histogram.h"
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

using model::FloatHistogram;
using model::HistogramPtr;

// An instant vector at all steps: one row of `steps` values for each series.
struct VectorValue {
  size_t steps = 0;
  std::vector<SeriesMeta> series;
  std::vector<double> values;  // series-major
  // Empty when all samples are floats. Else as long as `values`, and not null where the sample is a
  // histogram: the value there is 0, so that it counts as present. What lies beside an absent value
  // means nothing.
  std::vector<HistogramPtr> histograms;
  SampleCharge charge;

  double* Row(size_t i) { return values.data() + i * steps; }
  const double* Row(size_t i) const { return values.data() + i * steps; }
  size_t size() const { return series.size(); }

  bool has_histograms() const { return !histograms.empty(); }
  // Null for floats and where there is no sample.
  const FloatHistogram* Histogram(size_t row, size_t step) const;
  void Set(size_t row, size_t step, HistogramPtr histogram);
  void Set(size_t row, size_t step, FloatHistogram histogram) {
    Set(row, step, std::make_shared<const FloatHistogram>(std::move(histogram)));
  }
  // At the end, without samples.
  void AddRow(SeriesMeta meta);
  // At the end, with the samples of row `i` of another vector of as many steps.
  void AddRow(SeriesMeta meta, const VectorValue& from, size_t i);
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

// Writes histograms into rows of a vector from many threads; the vector pays for them once there is
// one.
class HistogramRows {
 public:
  explicit HistogramRows(VectorValue& vector) : vector_(vector) {}
  // The cells of a row; they stay where they are.
  HistogramPtr* Row(size_t i);

 private:
  VectorValue& vector_;
  std::once_flag once_;
};

// Removes the histograms from a vector, and rows without any sample left. True when there were
// some.
bool KeepFloats(VectorValue& vector);

void ScaleHistograms(VectorValue& vector, double factor);

// Charges the guard for what a vector's histograms weigh more than floats.
Result<void> ChargeHistograms(QueryGuard& guard, VectorValue& vector);

// Removes rows without any sample.
void DropEmptyRows(VectorValue& vector);

// What to do with series whose labels have become equal: make them one where they have samples at
// different steps, or refuse them in any case, as Prometheus does behind range functions and
// unary minus. Samples at the same step are always kOutOfRange.
enum class SameLabels { kMerge, kRefuse };
Result<void> MergeSameLabels(VectorValue& vector, SameLabels same = SameLabels::kMerge);

// Removes __name__ from series [all of them, or those marked so], then merges.
Result<void> RemoveNames(VectorValue& vector, bool only_marked,
                         SameLabels same = SameLabels::kMerge);

// __name__, and the labels that describe the metric and go with its name: __type__ and __unit__.
bool IsMetadataLabel(std::string_view name);
model::Labels WithoutName(const model::Labels& labels);

}  // namespace slurmscope::promql
