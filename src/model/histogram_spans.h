#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace slurmscope::model {

// Bucket indexes travel as spans: how many buckets follow one another, and how far the first of
// them is from the end of the span before (from 0 for the first span).
struct Span {
  int32_t offset = 0;
  uint32_t length = 0;
};

// Calls `visit(Span)` for the spans of indexes that ascend; `index_at(i)` gives number i of
// `count`.
template <typename IndexAt, typename Visit>
void ForEachSpan(size_t count, IndexAt index_at, Visit visit) {
  int64_t end = 0;
  for (size_t i = 0; i < count;) {
    int64_t first = index_at(i);
    size_t next = i + 1;
    while (next < count && index_at(next) == index_at(next - 1) + 1) ++next;
    visit(Span{static_cast<int32_t>(first - end), static_cast<uint32_t>(next - i)});
    end = first + static_cast<int64_t>(next - i);
    i = next;
  }
}

// Puts spans back into indexes. Add() is false when they do not ascend, leave 32 bits or come to
// more than `limit`.
class SpanReader {
 public:
  SpanReader(size_t limit, std::vector<int32_t>* indexes) : limit_(limit), indexes_(*indexes) {}

  bool Add(int64_t offset, uint64_t length) {
    constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
    bool first = first_;
    first_ = false;
    if (offset > kMax || offset < -kMax || (offset < 0 && !first)) return false;
    if (length > limit_ - indexes_.size()) return false;
    end_ += offset;
    if (end_ + static_cast<int64_t>(length) > kMax) return false;
    for (uint64_t i = 0; i < length; ++i) indexes_.push_back(static_cast<int32_t>(end_++));
    return true;
  }

 private:
  const size_t limit_;
  std::vector<int32_t>& indexes_;
  int64_t end_ = 0;
  bool first_ = true;
};

}  // namespace slurmscope::model
