#include "tsdb/merge.h"

#include <utility>

namespace slurmscope::tsdb {
namespace {

using model::Columns;

void Extend(const Columns& from, Columns* into) {
  if (from.has_histograms() || into->has_histograms()) {
    into->h.resize(into->size());
    into->h.insert(into->h.end(), from.h.begin(), from.h.end());
    into->h.resize(into->size() + from.size());
  }
  into->t.insert(into->t.end(), from.t.begin(), from.t.end());
  into->v.insert(into->v.end(), from.v.begin(), from.v.end());
}

// What a histogram says of the one before it is worth nothing once another one is.
model::HistogramPtr WithoutHint(const model::HistogramPtr& histogram) {
  using model::ResetHint;
  if (histogram->hint == ResetHint::kGauge || histogram->hint == ResetHint::kUnknown) {
    return histogram;
  }
  auto copy = std::make_shared<model::FloatHistogram>(*histogram);
  copy->hint = ResetHint::kUnknown;
  return copy;
}

void AppendSample(const Columns& from, size_t i, bool switched, Columns* into) {
  if (from.Histogram(i) == nullptr) return into->Append(from.t[i], from.v[i]);
  into->Append(from.t[i], switched ? WithoutHint(from.h[i]) : from.h[i]);
}

}  // namespace

void MergeColumns(const Columns& from, Columns* into) {
  if (from.t.empty()) return;
  if (into->t.empty() || from.t.front() > into->t.back()) return Extend(from, into);
  Columns merged;
  merged.t.reserve(from.size() + into->size());
  merged.v.reserve(from.size() + into->size());
  size_t a = 0;
  size_t b = 0;
  bool last_first = true;
  while (a < into->size() || b < from.size()) {
    bool take_first = b == from.size() || (a < into->size() && into->t[a] < from.t[b]);
    if (!take_first && a < into->size() && into->t[a] == from.t[b]) ++a;
    bool switched = !merged.t.empty() && take_first != last_first;
    AppendSample(take_first ? *into : from, take_first ? a : b, switched, &merged);
    ++(take_first ? a : b);
    last_first = take_first;
  }
  *into = std::move(merged);
}

}  // namespace slurmscope::tsdb
