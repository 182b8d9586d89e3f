#include "promql/value.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;
using model::Labels;

namespace {

bool MergeRow(double* into, const double* from, size_t steps) {
  for (size_t i = 0; i < steps; ++i) {
    if (IsAbsent(from[i])) continue;
    if (!IsAbsent(into[i])) return false;
    into[i] = from[i];
  }
  return true;
}

void MoveRow(VectorValue& vector, size_t from, size_t to) {
  if (from == to) return;
  vector.series[to] = std::move(vector.series[from]);
  std::copy_n(vector.Row(from), vector.steps, vector.Row(to));
}

void Truncate(VectorValue& vector, size_t rows) {
  vector.series.resize(rows);
  vector.values.resize(rows * vector.steps);
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

Result<VectorValue> NewVector(QueryGuard& guard, size_t n, size_t steps) {
  VectorValue vector;
  vector.steps = steps;
  size_t cells = 0;
  if (__builtin_mul_overflow(n, steps, &cells)) cells = size_t{1} << 62;
  TRY(vector.charge.Add(guard, static_cast<int64_t>(std::min(cells, size_t{1} << 61))));
  vector.series.resize(n);
  vector.values.assign(cells, Absent());
  return vector;
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

Result<void> MergeSameLabels(VectorValue& vector) {
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
    } else if (!MergeRow(vector.Row(*same), vector.Row(i), vector.steps)) {
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

Result<void> RemoveNames(VectorValue& vector, bool only_marked) {
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
  return MergeSameLabels(vector);
}

}  // namespace slurmscope::promql
