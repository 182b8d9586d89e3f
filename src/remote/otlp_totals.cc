#include "remote/otlp_totals.h"

#include <algorithm>

#include "model/histogram.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kSeriesBytes = 300;  // besides its text and its buckets
constexpr int64_t kSweepMs = 10 * 1000;

size_t BytesOf(const std::string& series, const OtlpPoint& point) {
  const size_t numbers = point.bounds.size() + point.counts.size() + point.positive.counts.size() +
                         point.negative.counts.size();
  return kSeriesBytes + series.size() + 8 * numbers;
}

OtlpPoint Bare(const OtlpPoint& point) {
  OtlpPoint bare = point;
  bare.attributes.clear();
  bare.exemplars.clear();
  if (bare.start_ns == 0) bare.start_ns = bare.time_ns;
  return bare;
}

// Each step makes two buckets one.
OtlpBuckets Coarser(const OtlpBuckets& buckets, int steps) {
  if (steps <= 0 || buckets.counts.empty()) return buckets;
  steps = std::min(steps, 62);
  OtlpBuckets out;
  out.offset = static_cast<int32_t>(int64_t{buckets.offset} >> steps);
  for (size_t i = 0; i < buckets.counts.size(); ++i) {
    const int64_t index = (int64_t{buckets.offset} + static_cast<int64_t>(i)) >> steps;
    const auto at = static_cast<size_t>(index - out.offset);
    if (at >= out.counts.size()) out.counts.resize(at + 1);
    out.counts[at] += buckets.counts[i];
  }
  return out;
}

// Without the empty buckets at both ends.
OtlpBuckets Trimmed(OtlpBuckets buckets) {
  auto filled = [](uint64_t count) { return count > 0; };
  auto last = std::find_if(buckets.counts.rbegin(), buckets.counts.rend(), filled);
  buckets.counts.erase(last.base(), buckets.counts.end());
  auto first = std::find_if(buckets.counts.begin(), buckets.counts.end(), filled);
  buckets.offset += static_cast<int32_t>(first - buckets.counts.begin());
  buckets.counts.erase(buckets.counts.begin(), first);
  return buckets;
}

// Of indices, how many from the lowest to the highest.
uint64_t WidthOf(const OtlpBuckets& a, const OtlpBuckets& b) {
  if (a.counts.empty() || b.counts.empty()) return std::max(a.counts.size(), b.counts.size());
  auto end = [](const OtlpBuckets& buckets) {
    return int64_t{buckets.offset} + static_cast<int64_t>(buckets.counts.size());
  };
  return static_cast<uint64_t>(std::max(end(a), end(b)) - std::min(a.offset, b.offset));
}

void AddBuckets(const OtlpBuckets& from, OtlpBuckets* to) {
  if (from.counts.empty()) return;
  if (to->counts.empty()) {
    *to = from;
    return;
  }
  OtlpBuckets sum;
  sum.offset = std::min(from.offset, to->offset);
  sum.counts.resize(WidthOf(from, *to));
  for (const OtlpBuckets* part : {&from, static_cast<const OtlpBuckets*>(to)}) {
    const auto shift = static_cast<size_t>(int64_t{part->offset} - sum.offset);
    for (size_t i = 0; i < part->counts.size(); ++i) sum.counts[shift + i] += part->counts[i];
  }
  *to = std::move(sum);
}

void MakeCoarser(int32_t scale, OtlpPoint* point) {
  const int steps = point->scale > scale ? static_cast<int>(int64_t{point->scale} - scale) : 0;
  point->positive = Trimmed(Coarser(Trimmed(std::move(point->positive)), steps));
  point->negative = Trimmed(Coarser(Trimmed(std::move(point->negative)), steps));
  point->scale = std::min(point->scale, scale);
}

// Both at one scale, at which they fit together. False when there is none.
bool MakeAlike(OtlpPoint* a, OtlpPoint* b) {
  int32_t scale = std::min({a->scale, b->scale, model::FloatHistogram::kMaxSchema});
  for (;; --scale) {
    MakeCoarser(scale, a);
    MakeCoarser(scale, b);
    if (std::max(WidthOf(a->positive, b->positive), WidthOf(a->negative, b->negative)) <=
        OtlpTotals::kMaxBuckets)
      return true;
    if (scale <= model::FloatHistogram::kMinSchema) return false;
  }
}

void AddSums(const OtlpPoint& from, OtlpPoint* to) {
  to->count += from.count;
  to->sum += from.sum;
  to->has_sum = to->has_sum && from.has_sum;
}

// Adds `from` to `to`; begins anew with `from` where the two have nothing in common.
Result<void> AddPoint(OtlpKind kind, OtlpPoint from, OtlpPoint* to) {
  to->time_ns = from.time_ns;
  if (kind == OtlpKind::kHistogram) {
    if (from.bounds != to->bounds || from.counts.size() != to->counts.size()) {
      *to = std::move(from);
      return {};
    }
    for (size_t i = 0; i < from.counts.size(); ++i) to->counts[i] += from.counts[i];
    AddSums(from, to);
  } else if (kind == OtlpKind::kExponentialHistogram) {
    if (from.zero_threshold != to->zero_threshold) {
      *to = std::move(from);
      return {};
    }
    if (!MakeAlike(&from, to))
      return Fail(ErrorCode::kInvalidArgument, "buckets too far from each other");
    AddBuckets(from.positive, &to->positive);
    AddBuckets(from.negative, &to->negative);
    to->zero_count += from.zero_count;
    AddSums(from, to);
  } else {
    to->value += from.value;
  }
  return {};
}

}  // namespace

Result<OtlpPoint> OtlpTotals::Request::Add(OtlpKind kind, const std::string& series,
                                           const OtlpPoint& point) {
  if (!lock_.owns_lock()) lock_ = std::unique_lock(totals_.mutex_);
  const int64_t stale_ms = totals_.clock_.NowMs() - kStaleMs;
  auto known = totals_.totals_.find(series);
  const bool goes_on = known != totals_.totals_.end() && known->second.kind == kind &&
                       known->second.seen_ms >= stale_ms;
  OtlpPoint total = Bare(point);
  if (goes_on) {
    const OtlpPoint& before = known->second.point;
    if (total.start_ns < before.start_ns || total.time_ns <= before.time_ns)
      return Fail(ErrorCode::kInvalidArgument, "a delta that is not behind the one before");
    total = before;
    if (!point.no_value) TRY(AddPoint(kind, Bare(point), &total));
  } else if (kind == OtlpKind::kExponentialHistogram) {
    OtlpPoint none;
    none.scale = total.scale;
    if (!MakeAlike(&total, &none))
      return Fail(ErrorCode::kInvalidArgument, "buckets too far from each other");
  }
  const bool is_known = known != totals_.totals_.end();
  const size_t freed = is_known ? BytesOf(series, known->second.point) : 0;
  if (totals_.bytes_ - freed + BytesOf(series, total) > totals_.max_bytes_)
    return Fail(ErrorCode::kResourceExhausted, "too many series of delta temporality");
  before_.emplace_back(series, is_known ? std::optional(known->second) : std::nullopt);
  if (point.no_value) {
    if (is_known) totals_.Forget(known);
    return Bare(point);
  }
  totals_.Put(series, {kind, total, totals_.clock_.NowMs()});
  return total;
}

void OtlpTotals::Request::Keep() {
  keep_ = true;
  if (lock_.owns_lock()) totals_.ForgetStale();
}

OtlpTotals::Request::~Request() {
  if (keep_) return;
  for (auto it = before_.rbegin(); it != before_.rend(); ++it) {
    auto now = totals_.totals_.find(it->first);
    if (it->second) {
      totals_.Put(it->first, *std::move(it->second));
    } else if (now != totals_.totals_.end()) {
      totals_.Forget(now);
    }
  }
}

void OtlpTotals::Put(const std::string& series, Total total) {
  auto [it, fresh] = totals_.try_emplace(series);
  if (!fresh) bytes_ -= BytesOf(series, it->second.point);
  bytes_ += BytesOf(series, total.point);
  it->second = std::move(total);
}

void OtlpTotals::Forget(Totals::iterator it) {
  bytes_ -= BytesOf(it->first, it->second.point);
  totals_.erase(it);
}

void OtlpTotals::ForgetStale() {
  const int64_t now_ms = clock_.NowMs();
  if (now_ms < next_sweep_ms_) return;
  next_sweep_ms_ = now_ms + kSweepMs;
  for (auto it = totals_.begin(); it != totals_.end();) {
    auto next = std::next(it);
    if (it->second.seen_ms < now_ms - kStaleMs) Forget(it);
    it = next;
  }
}

size_t OtlpTotals::series() const {
  const std::lock_guard lock(mutex_);
  return totals_.size();
}

}  // namespace slurmscope::remote
