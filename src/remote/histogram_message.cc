#include "remote/histogram_message.h"

#include "base/strings.h"
#include "model/histogram_spans.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::ProtoReader;
using model::ResetHint;

// One side of a histogram as sent: where its buckets lie, and their counts: whole ones each as the
// difference to the one before.
struct Side {
  std::vector<model::Span> spans;
  std::vector<int64_t> deltas;
  std::vector<double> counts;
};

struct Parts {
  bool is_float = false;
  uint64_t count = 0;
  double float_count = 0;
  uint64_t zero_count = 0;
  double float_zero_count = 0;
  Side positive;
  Side negative;
};

model::Span ReadSpan(ProtoReader message) {
  model::Span span;
  while (message.next()) {
    if (message.tag() == 1) {
      span.offset = message.get_sint32();
    } else if (message.tag() == 2) {
      span.length = message.get_uint32();
    } else {
      message.skip();
    }
  }
  return span;
}

// The index of each of `buckets` buckets.
Result<std::vector<int32_t>> Indexes(const std::vector<model::Span>& spans, size_t buckets) {
  std::vector<int32_t> indexes;
  model::SpanReader reader(buckets, &indexes);
  for (const model::Span& span : spans) {
    if (!reader.Add(span.offset, span.length))
      return Fail(ErrorCode::kInvalidArgument, "histogram spans that ascend not or are too long");
  }
  if (indexes.size() == buckets) return indexes;
  return Fail(ErrorCode::kInvalidArgument, base::StrCat("histogram spans for ", indexes.size(),
                                                        " buckets, but ", buckets, " buckets"));
}

Result<void> FillBuckets(const Side& side, std::vector<model::IntHistogramBucket>* out) {
  std::vector<int32_t> indexes = TRY(Indexes(side.spans, side.deltas.size()));
  uint64_t count = 0;  // wraps where the sender lies; Validate() finds what is negative
  for (size_t i = 0; i < indexes.size(); ++i) {
    count += static_cast<uint64_t>(side.deltas[i]);
    out->push_back({indexes[i], static_cast<int64_t>(count)});
  }
  return {};
}

Result<void> FillBuckets(const Side& side, std::vector<model::HistogramBucket>* out) {
  std::vector<int32_t> indexes = TRY(Indexes(side.spans, side.counts.size()));
  for (size_t i = 0; i < indexes.size(); ++i) out->push_back({indexes[i], side.counts[i]});
  return {};
}

// The fields of one side begin at `first`: spans, deltas, counts.
bool ReadSide(ProtoReader& message, protozero::pbf_tag_type first, Side* side) {
  if (message.tag() == first) {
    side->spans.push_back(ReadSpan(message.get_message()));
  } else if (message.tag() == first + 1) {
    for (int64_t delta : message.get_packed_sint64()) side->deltas.push_back(delta);
  } else if (message.tag() == first + 2) {
    for (double count : message.get_packed_double()) side->counts.push_back(count);
  } else {
    return false;
  }
  return true;
}

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
      return ReadSide(message, 8, &parts->negative) || ReadSide(message, 11, &parts->positive);
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
  TRY(FillBuckets(parts.positive, &h.positive));
  TRY(FillBuckets(parts.negative, &h.negative));
  return h;
}

}  // namespace

Result<WriteHistogram> DecodeHistogram(ProtoReader message) {
  WriteHistogram result;
  model::FloatHistogram common;
  Parts parts;
  while (message.next()) {
    if (!ReadCounts(message, &parts)) ReadCommon(message, &common, &result.t);
  }
  if (!parts.is_float) {
    result.histogram = TRY(WholeHistogram(std::move(common), parts));
    return result;
  }
  common.count = parts.float_count;
  common.zero_count = parts.float_zero_count;
  TRY(FillBuckets(parts.positive, &common.positive));
  TRY(FillBuckets(parts.negative, &common.negative));
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
