#include "tsdb/open_histogram.h"

#include <cmath>

#include "tsdb/series.h"

namespace slurmscope::tsdb {
namespace {

constexpr size_t kTargetBytes = 1024;
constexpr unsigned kMinSamples = 10;

template <typename Builder, typename Histogram>
bool TryAppend(Builder& builder, bool must_end, int64_t t, const Histogram& h,
               model::ResetHint* next) {
  HistogramFit fit = builder.Fit(h);
  if (fit.fits && !must_end) {
    builder.Append(t, h);
    return true;
  }
  *next = model::ResetHint::kUnknown;
  if (fit.reset) *next = model::ResetHint::kReset;
  if (fit.fits) *next = model::ResetHint::kNotReset;
  return false;
}

}  // namespace

OpenHistogram::OpenHistogram(int64_t t, HistogramRef h, model::ResetHint hint, int64_t chunk_range)
    : range_end_(LatestChunkEnd(t, chunk_range)), end_(range_end_) {
  if (h.integer()) {
    builder_.emplace<IntHistogramChunkBuilder>(hint).Append(t, h.ints());
  } else {
    builder_.emplace<FloatHistogramChunkBuilder>(hint).Append(t, h.floats());
  }
}

uint8_t OpenHistogram::encoding() const {
  return builder_.index() == 0 ? kHistogramEncoding : kFloatHistogramEncoding;
}

std::string_view OpenHistogram::bytes() const {
  return std::visit([](const auto& builder) { return std::string_view(builder.bytes()); },
                    builder_);
}
unsigned OpenHistogram::count() const {
  return std::visit([](const auto& builder) { return builder.count(); }, builder_);
}
int64_t OpenHistogram::first_time() const {
  return std::visit([](const auto& builder) { return builder.first_time(); }, builder_);
}
int64_t OpenHistogram::last_time() const {
  return std::visit([](const auto& builder) { return builder.last_time(); }, builder_);
}

bool OpenHistogram::MustEnd(int64_t t) {
  size_t size = bytes().size();
  if (!predicted_ && size >= kTargetBytes / 4) {
    double times_larger = static_cast<double>(kTargetBytes) / static_cast<double>(size);
    end_ = PredictChunkEnd(first_time(), last_time(), end_, times_larger);
    predicted_ = true;
  }
  bool large = t >= end_ || size >= kTargetBytes * 2;
  return t >= range_end_ || (large && count() >= kMinSamples);
}

bool OpenHistogram::Append(int64_t t, HistogramRef h, model::ResetHint* next) {
  *next = model::ResetHint::kUnknown;
  if (h.encoding() != encoding()) return false;
  bool must_end = MustEnd(t);
  if (h.integer()) return TryAppend(std::get<0>(builder_), must_end, t, h.ints(), next);
  return TryAppend(std::get<1>(builder_), must_end, t, h.floats(), next);
}

bool OpenHistogram::EndsWith(HistogramRef h) const {
  if (h.encoding() != encoding()) return false;
  if (h.integer()) return std::get<0>(builder_).Last().Equals(h.ints());
  return std::get<1>(builder_).Last().Equals(h.floats());
}

bool ChunkEndsWith(EncodedChunk chunk, int64_t t, HistogramRef h) {
  if (h.encoding() != chunk.encoding) return false;
  if (h.integer()) {
    std::vector<TimedIntHistogram> last;
    return DecodeIntHistogramChunk(chunk.data, t, t, &last) && last.size() == 1 &&
           last[0].h.Equals(h.ints());
  }
  std::vector<TimedFloatHistogram> last;
  return DecodeFloatHistogramChunk(chunk.data, t, t, &last) && last.size() == 1 &&
         last[0].h.Equals(h.floats());
}

}  // namespace slurmscope::tsdb
