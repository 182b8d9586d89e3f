#include "promql/value.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;
using model::Labels;

namespace {

bool MergeRow(VectorValue& vector, size_t into, size_t from) {
  double* to = vector.Row(into);
  const double* row = vector.Row(from);
  for (size_t i = 0; i < vector.steps; ++i) {
    if (IsAbsent(row[i])) continue;
    if (!IsAbsent(to[i])) return false;
    to[i] = row[i];
    if (vector.has_histograms()) {
      vector.histograms[into * vector.steps + i] = vector.histograms[from * vector.steps + i];
    }
  }
  return true;
}

void MoveRow(VectorValue& vector, size_t from, size_t to) {
  if (from == to) return;
  vector.series[to] = std::move(vector.series[from]);
  std::copy_n(vector.Row(from), vector.steps, vector.Row(to));
  if (!vector.has_histograms()) return;
  auto cells = vector.histograms.begin();
  auto at = [&](size_t row) { return cells + static_cast<std::ptrdiff_t>(row * vector.steps); };
  std::move(at(from), at(from + 1), at(to));
}

void Truncate(VectorValue& vector, size_t rows) {
  vector.series.resize(rows);
  vector.values.resize(rows * vector.steps);
  if (vector.has_histograms()) vector.histograms.resize(rows * vector.steps);
}

bool HasMetadata(const Labels& labels) {
  for (model::Label label : labels) {
    if (!label.name.starts_with("__")) continue;
    if (IsMetadataLabel(label.name)) return true;
  }
  return false;
}

// Labels that differ still differ without __name__ when that is the same in all of them.
bool SameMetadataEverywhere(const VectorValue& vector) {
  if (vector.size() == 0) return true;
  std::string_view name = vector.series.front().labels.Get(model::kMetricName);
  return std::all_of(vector.series.begin(), vector.series.end(), [name](const SeriesMeta& meta) {
    return meta.labels.Get(model::kMetricName) == name && !meta.labels.Has("__type__") &&
           !meta.labels.Has("__unit__");
  });
}

}  // namespace

const FloatHistogram* VectorValue::Histogram(size_t row, size_t step) const {
  if (histograms.empty() || IsAbsent(Row(row)[step])) return nullptr;
  return histograms[row * steps + step].get();
}

void VectorValue::Set(size_t row, size_t step, HistogramPtr histogram) {
  if (histograms.empty()) histograms.resize(values.size());
  Row(row)[step] = 0;
  histograms[row * steps + step] = std::move(histogram);
}

void VectorValue::AddRow(SeriesMeta meta) {
  series.push_back(std::move(meta));
  values.resize(values.size() + steps, Absent());
  if (has_histograms()) histograms.resize(values.size());
}

void VectorValue::AddRow(SeriesMeta meta, const VectorValue& from, size_t i) {
  series.push_back(std::move(meta));
  values.insert(values.end(), from.Row(i), from.Row(i) + steps);
  if (from.has_histograms() && !has_histograms()) histograms.resize(values.size() - steps);
  if (!from.has_histograms() && !has_histograms()) return;
  histograms.resize(values.size());
  for (size_t s = 0; s < steps && from.has_histograms(); ++s)
    histograms[values.size() - steps + s] = from.histograms[i * steps + s];
}

HistogramPtr* HistogramRows::Row(size_t i) {
  std::call_once(once_, [this] { vector_.histograms.resize(vector_.values.size()); });
  return vector_.histograms.data() + i * vector_.steps;
}

bool KeepFloats(VectorValue& vector) {
  if (!vector.has_histograms()) return false;
  bool found = false;
  for (size_t i = 0; i < vector.values.size(); ++i) {
    if (vector.histograms[i] == nullptr || IsAbsent(vector.values[i])) continue;
    vector.values[i] = Absent();
    found = true;
  }
  vector.histograms.clear();
  DropEmptyRows(vector);
  return found;
}

Result<VectorValue> NewVector(QueryGuard& guard, size_t n, size_t steps) {
  VectorValue vector;
  vector.steps = steps;
  size_t cells = 0;
  if (__builtin_mul_overflow(n, steps, &cells)) cells = size_t{1} << 62;
  TRY(vector.charge.Add(guard, static_cast<int64_t>(std::min(cells, size_t{1} << 61)),
                        static_cast<int64_t>(n)));
  vector.series.resize(n);
  vector.values.assign(cells, Absent());
  return vector;
}

void ScaleHistograms(VectorValue& vector, double factor) {
  for (HistogramPtr& histogram : vector.histograms) {
    if (histogram == nullptr) continue;
    auto scaled = std::make_shared<FloatHistogram>(*histogram);
    scaled->Scale(factor);
    histogram = std::move(scaled);
  }
}

Result<void> ChargeHistograms(QueryGuard& guard, VectorValue& vector) {
  int64_t weight = 0;
  const FloatHistogram* last = nullptr;  // a selector repeats one at many steps
  for (const HistogramPtr& histogram : vector.histograms) {
    if (histogram == nullptr || histogram.get() == last) continue;
    last = histogram.get();
    weight += last->Weight();
  }
  return weight > 0 ? vector.charge.Add(guard, weight) : Result<void>();
}

void DropEmptyRows(VectorValue& vector) {
  size_t kept = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    const double* row = vector.Row(i);
    if (std::all_of(row, row + vector.steps, IsAbsent)) continue;
    MoveRow(vector, i, kept++);
  }
  Truncate(vector, kept);
}

Result<void> MergeSameLabels(VectorValue& vector, SameLabels same_labels) {
  std::unordered_map<uint64_t, std::vector<size_t>> rows;  // by hash of the labels
  rows.reserve(vector.size());
  size_t kept = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    std::vector<size_t>& candidates = rows[vector.series[i].labels.Hash()];
    auto same = std::find_if(candidates.begin(), candidates.end(), [&](size_t row) {
      return vector.series[row].labels == vector.series[i].labels;
    });
    if (same == candidates.end()) {
      candidates.push_back(kept);
      MoveRow(vector, i, kept++);
    } else if (same_labels == SameLabels::kRefuse || !MergeRow(vector, *same, i)) {
      return Fail(ErrorCode::kOutOfRange, "vector cannot contain metrics with the same labelset");
    }
  }
  Truncate(vector, kept);
  return {};
}

bool IsMetadataLabel(std::string_view name) {
  return name == model::kMetricName || name == "__type__" || name == "__unit__";
}

Labels WithoutName(const Labels& labels) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  pairs.reserve(16);
  for (model::Label label : labels) {
    if (!IsMetadataLabel(label.name)) pairs.emplace_back(label.name, label.value);
  }
  return Labels::FromPairs(std::move(pairs));
}

Result<void> RemoveNames(VectorValue& vector, bool only_marked, SameLabels same) {
  bool unique = !only_marked && SameMetadataEverywhere(vector);
  bool changed = false;
  for (SeriesMeta& meta : vector.series) {
    if (only_marked && !meta.drop_name) continue;
    meta.drop_name = false;
    if (!HasMetadata(meta.labels)) continue;
    meta.labels = WithoutName(meta.labels);
    changed = true;
  }
  if (!changed || unique) return {};
  return MergeSameLabels(vector, same);
}

}  // namespace slurmscope::promql
