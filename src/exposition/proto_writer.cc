#include "exposition/proto_writer.h"

#include "base/bytes.h"
#include "base/protobuf.h"
#include "exposition/proto_fields.h"
#include "model/histogram_spans.h"

namespace slurmscope::exposition {
namespace {

using base::ProtoWriter;

void WriteLabels(const ProtoFamilies::Labels& labels, ProtoWriter* metric) {
  for (const auto& [name, value] : labels) {
    ProtoWriter pair(*metric, proto::kMetricLabel);
    pair.add_string(proto::kLabelName, name);
    pair.add_string(proto::kLabelValue, value);
  }
}

// Spans, then counts; `first` is the field of the spans.
void WriteSide(const std::vector<model::HistogramBucket>& buckets, uint32_t first,
               ProtoWriter* histogram) {
  auto index_at = [&](size_t i) { return buckets[i].index; };
  model::ForEachSpan(buckets.size(), index_at, [&](model::Span span) {
    ProtoWriter message(*histogram, first);
    message.add_sint32(proto::kSpanOffset, span.offset);
    message.add_uint32(proto::kSpanLength, span.length);
  });
  for (const model::HistogramBucket& bucket : buckets)
    histogram->add_double(first + 2, bucket.count);
}

}  // namespace

void ProtoFamilies::Begin(std::string_view name, int type) {
  if (type == type_ && name == name_) return;
  End();
  name_ = name;
  type_ = type;
  ProtoWriter family(family_);
  family.add_string(proto::kFamilyName, name_);
  family.add_enum(proto::kFamilyType, type);
}

void ProtoFamilies::End() {
  if (type_ < 0) return;
  base::PutUvarintString(out_, family_);
  family_.clear();
  type_ = -1;
}

void ProtoFamilies::AddUntyped(std::string_view name, const Labels& labels, double value,
                               int64_t t) {
  Begin(name, proto::kUntyped);
  ProtoWriter family(family_);
  ProtoWriter metric(family, proto::kFamilyMetric);
  WriteLabels(labels, &metric);
  {
    ProtoWriter untyped(metric, proto::kMetricUntyped);
    untyped.add_double(proto::kValue, value);
  }
  metric.add_int64(proto::kMetricTimestampMs, t);
}

void ProtoFamilies::AddHistogram(std::string_view name, const Labels& labels,
                                 const model::FloatHistogram& h, int64_t t) {
  Begin(name, h.hint == model::ResetHint::kGauge ? proto::kGaugeHistogram : proto::kHistogram);
  ProtoWriter family(family_);
  ProtoWriter metric(family, proto::kFamilyMetric);
  WriteLabels(labels, &metric);
  {
    ProtoWriter histogram(metric, proto::kMetricHistogram);
    histogram.add_double(proto::kHistogramSum, h.sum);
    histogram.add_double(proto::kHistogramCountFloat, h.count);
    histogram.add_sint32(proto::kHistogramSchema, h.schema);
    histogram.add_double(proto::kHistogramZeroThreshold, h.zero_threshold);
    histogram.add_double(proto::kHistogramZeroCountFloat, h.zero_count);
    WriteSide(h.negative, proto::kHistogramNegative, &histogram);
    WriteSide(h.positive, proto::kHistogramPositive, &histogram);
  }
  metric.add_int64(proto::kMetricTimestampMs, t);
}

std::string ProtoFamilies::Take() {
  End();
  return std::exchange(out_, {});
}

}  // namespace slurmscope::exposition
