#include "tsdb/histogram_layout.h"

#include <cmath>

#include "model/histogram.h"
#include "model/histogram_spans.h"

namespace slurmscope::tsdb {
namespace {

using model::FloatHistogram;

// Zero thresholds that are a power of two, 2^-243 to 2^10, are one byte: the exponent over a half,
// plus this.
constexpr int kThresholdBias = 243;
constexpr unsigned kWholeThreshold = 255;
// Custom bounds of up to three decimals are whole numbers of thousandths up to this.
constexpr double kMaxThousandths = 33554430;
// Later versions may write schemas up to this one; they read as the finest one known now.
constexpr int32_t kMaxReservedSchema = 52;

void PutThreshold(double threshold, BitWriter& bits) {
  if (threshold == 0) return bits.Put(0, 8);
  int exponent = 0;
  double fraction = std::frexp(threshold, &exponent);
  int code = exponent + kThresholdBias;
  if (fraction == 0.5 && code >= 1 && code < static_cast<int>(kWholeThreshold)) {
    return bits.Put(static_cast<uint64_t>(code), 8);
  }
  bits.Put(kWholeThreshold, 8);
  bits.Put(std::bit_cast<uint64_t>(threshold), 64);
}

double ReadThreshold(BitReader& bits) {
  uint64_t code = bits.Read(8);
  if (code == 0) return 0;
  if (code == kWholeThreshold) return std::bit_cast<double>(bits.Read(64));
  return std::ldexp(0.5, static_cast<int>(code) - kThresholdBias);
}

void PutSpans(const std::vector<int32_t>& indexes, BitWriter& bits) {
  auto index_at = [&](size_t i) { return indexes[i]; };
  uint64_t count = 0;
  model::ForEachSpan(indexes.size(), index_at, [&](model::Span) { ++count; });
  bits.PutVarbitUint(count);
  model::ForEachSpan(indexes.size(), index_at, [&](model::Span span) {
    bits.PutVarbitUint(span.length);
    bits.PutVarbitInt(span.offset);
  });
}

bool ReadSpans(BitReader& bits, std::vector<int32_t>* indexes) {
  uint64_t count = bits.ReadVarbitUint();
  if (count > bits.bits_left()) return false;
  model::SpanReader spans(bits.bits_left(), indexes);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t length = bits.ReadVarbitUint();
    if (!spans.Add(bits.ReadVarbitInt(), length)) return false;
  }
  return true;
}

void PutBound(double bound, BitWriter& bits) {
  double thousandths = bound * 1000;
  bool small = thousandths >= 0 && thousandths <= kMaxThousandths &&
               std::round(thousandths) / 1000 == bound && !std::signbit(bound);
  if (small) return bits.PutVarbitUint(static_cast<uint64_t>(std::round(thousandths)) + 1);
  bits.Put(0, 1);
  bits.Put(std::bit_cast<uint64_t>(bound), 64);
}

double ReadBound(BitReader& bits) {
  uint64_t code = bits.ReadVarbitUint();
  if (code == 0) return std::bit_cast<double>(bits.Read(64));
  return static_cast<double>(code - 1) / 1000;
}

bool ReadBounds(BitReader& bits, std::vector<double>* bounds) {
  uint64_t count = bits.ReadVarbitUint();
  if (count > bits.bits_left()) return false;
  for (uint64_t i = 0; i < count; ++i) {
    double bound = ReadBound(bits);
    if (std::isnan(bound) || (i > 0 && !(bound > bounds->back()))) return false;
    bounds->push_back(bound);
  }
  return true;
}

bool IndexesFitBounds(const HistogramLayout& layout) {
  if (!layout.negative.empty()) return false;
  return layout.positive.empty() ||
         (layout.positive.front() >= 0 &&
          static_cast<size_t>(layout.positive.back()) <= layout.custom_values.size());
}

// Neighbours that fall into one coarser bucket keep a place each, with the same index.
void ToKnownSchema(HistogramLayout* layout) {
  if (layout->schema <= FloatHistogram::kMaxSchema) return;
  for (std::vector<int32_t>* side : {&layout->positive, &layout->negative}) {
    for (int32_t& index : *side) {
      index = model::CoarserIndex(index, layout->schema, FloatHistogram::kMaxSchema);
    }
  }
  layout->schema = FloatHistogram::kMaxSchema;
}

}  // namespace

void WriteLayout(const HistogramLayout& layout, BitWriter& bits) {
  PutThreshold(layout.zero_threshold, bits);
  bits.PutVarbitInt(layout.schema);
  PutSpans(layout.positive, bits);
  PutSpans(layout.negative, bits);
  if (layout.schema != FloatHistogram::kCustomSchema) return;
  bits.PutVarbitUint(layout.custom_values.size());
  for (double bound : layout.custom_values) PutBound(bound, bits);
}

bool ReadLayout(BitReader& bits, HistogramLayout* layout) {
  *layout = {};
  layout->zero_threshold = ReadThreshold(bits);
  int64_t schema = bits.ReadVarbitInt();
  bool custom = schema == FloatHistogram::kCustomSchema;
  bool known = schema >= FloatHistogram::kMinSchema && schema <= kMaxReservedSchema;
  if (!custom && !known) return false;
  layout->schema = static_cast<int32_t>(schema);
  if (!ReadSpans(bits, &layout->positive) || !ReadSpans(bits, &layout->negative)) return false;
  if (custom && !(ReadBounds(bits, &layout->custom_values) && IndexesFitBounds(*layout))) {
    return false;
  }
  ToKnownSchema(layout);
  return !bits.past_end() && layout->buckets() <= bits.bits_left();
}

}  // namespace slurmscope::tsdb
