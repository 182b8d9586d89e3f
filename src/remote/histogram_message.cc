#include "remote/histogram_message.h"

#include "base/strings.h"
#include "model/bucket_message.h"

namespace slurmscope::remote {
namespace {

using base::ProtoReader;
using model::ResetHint;

struct Parts {
  bool is_float = false;
  uint64_t count = 0;
  double float_count = 0;
  uint64_t zero_count = 0;
  double float_zero_count = 0;
  model::BucketSide positive;
  model::BucketSide negative;
};

bool ReadCounts(ProtoReader& message, Parts* parts) {
  switch (message.tag()) {
    case 1:
      parts->count = message.get_uint64();
      return true;
    case 2:
      parts->float_count = message.get_double();
      parts->is_float = true;
      return true;
    case 6:
      parts->zero_count = message.get_uint64();
      return true;
    case 7:
      parts->float_zero_count = message.get_double();
      return true;
    default:
      return model::ReadBucketSide(message, 8, &parts->negative) ||
             model::ReadBucketSide(message, 11, &parts->positive);
  }
}

ResetHint HintOf(int32_t value) {
  return value >= 0 && value <= 3 ? static_cast<ResetHint>(value) : ResetHint::kUnknown;
}

// The fields that both kinds of histograms have.
void ReadCommon(ProtoReader& message, model::FloatHistogram* h, int64_t* t) {
  switch (message.tag()) {
    case 3:
      h->sum = message.get_double();
      break;
    case 4:
      h->schema = message.get_sint32();
      break;
    case 5:
      h->zero_threshold = message.get_double();
      break;
    case 14:
      h->hint = HintOf(message.get_enum());
      break;
    case 15:
      *t = message.get_int64();
      break;
    case 16:
      for (double bound : message.get_packed_double()) h->custom_values.push_back(bound);
      break;
    default:
      message.skip();
  }
}

Result<model::IntHistogram> WholeHistogram(model::FloatHistogram&& common, const Parts& parts) {
  model::IntHistogram h;
  h.schema = common.schema;
  h.hint = common.hint;
  h.zero_threshold = common.zero_threshold;
  h.zero_count = parts.zero_count;
  h.count = parts.count;
  h.sum = common.sum;
  h.custom_values = std::move(common.custom_values);
  TRY(model::FillBuckets(parts.positive, &h.positive));
  TRY(model::FillBuckets(parts.negative, &h.negative));
  return h;
}

}  // namespace

Result<WriteHistogram> DecodeHistogram(ProtoReader message) {
  WriteHistogram result;
  model::FloatHistogram common;
  Parts parts;
  while (message.next()) {
    if (message.tag() == 17) {
      result.start = message.get_int64();
    } else if (!ReadCounts(message, &parts)) {
      ReadCommon(message, &common, &result.t);
    }
  }
  if (!parts.is_float) {
    result.histogram = TRY(WholeHistogram(std::move(common), parts));
    return result;
  }
  common.count = parts.float_count;
  common.zero_count = parts.float_zero_count;
  TRY(model::FillBuckets(parts.positive, &common.positive));
  TRY(model::FillBuckets(parts.negative, &common.negative));
  result.histogram = std::move(common);
  return result;
}

namespace {

template <typename Bucket>
void WriteSpans(const std::vector<Bucket>& buckets, protozero::pbf_tag_type field,
                base::ProtoWriter* histogram) {
  auto index_at = [&](size_t i) { return buckets[i].index; };
  model::ForEachSpan(buckets.size(), index_at, [&](model::Span span) {
    base::ProtoWriter message(*histogram, field);
    message.add_sint32(1, span.offset);
    message.add_uint32(2, span.length);
  });
}

// Spans, then whole counts as differences, or counts that are none.
void WriteSide(const std::vector<model::IntHistogramBucket>& buckets, protozero::pbf_tag_type first,
               base::ProtoWriter* histogram) {
  if (buckets.empty()) return;
  WriteSpans(buckets, first, histogram);
  protozero::packed_field_sint64 deltas(*histogram, first + 1);
  int64_t before = 0;
  for (const model::IntHistogramBucket& bucket : buckets) {
    deltas.add_element(bucket.count - before);
    before = bucket.count;
  }
}

void WriteSide(const std::vector<model::HistogramBucket>& buckets, protozero::pbf_tag_type first,
               base::ProtoWriter* histogram) {
  if (buckets.empty()) return;
  WriteSpans(buckets, first, histogram);
  protozero::packed_field_double counts(*histogram, first + 2);
  for (const model::HistogramBucket& bucket : buckets) counts.add_element(bucket.count);
}

template <typename Histogram>
void WriteRest(const Histogram& h, int64_t t, base::ProtoWriter* message) {
  message->add_double(3, h.sum);
  message->add_sint32(4, h.schema);
  message->add_double(5, h.zero_threshold);
  WriteSide(h.negative, 8, message);
  WriteSide(h.positive, 11, message);
  message->add_enum(14, static_cast<int32_t>(h.hint));
  message->add_int64(15, t);
  message->add_packed_double(16, h.custom_values.begin(), h.custom_values.end());
}

}  // namespace

void EncodeHistogram(const model::IntHistogram& h, int64_t t, base::ProtoWriter* message) {
  message->add_uint64(1, h.count);
  message->add_uint64(6, h.zero_count);
  WriteRest(h, t, message);
}

void EncodeHistogram(const model::FloatHistogram& h, int64_t t, base::ProtoWriter* message) {
  message->add_double(2, h.count);
  message->add_double(7, h.zero_count);
  WriteRest(h, t, message);
}

void EncodeHistogram(const std::variant<model::IntHistogram, model::FloatHistogram>& h, int64_t t,
                     base::ProtoWriter* message) {
  std::visit([&](const auto& each) { EncodeHistogram(each, t, message); }, h);
}

}  // namespace slurmscope::remote
