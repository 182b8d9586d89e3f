#include "tsdb/merge.h"

#include <utility>

namespace slurmscope::tsdb {

void MergeColumns(const model::Columns& from, model::Columns* into) {
  if (from.t.empty()) return;
  if (into->t.empty() || from.t.front() > into->t.back()) {
    into->t.insert(into->t.end(), from.t.begin(), from.t.end());
    into->v.insert(into->v.end(), from.v.begin(), from.v.end());
    return;
  }
  model::Columns merged;
  merged.t.reserve(from.size() + into->size());
  merged.v.reserve(from.size() + into->size());
  size_t a = 0;
  size_t b = 0;
  while (a < into->size() || b < from.size()) {
    bool take_first = b == from.size() || (a < into->size() && into->t[a] <= from.t[b]);
    if (take_first && b < from.size() && into->t[a] == from.t[b]) ++b;
    merged.t.push_back(take_first ? into->t[a] : from.t[b]);
    merged.v.push_back(take_first ? into->v[a] : from.v[b]);
    ++(take_first ? a : b);
  }
  *into = std::move(merged);
}

}  // namespace slurmscope::tsdb
