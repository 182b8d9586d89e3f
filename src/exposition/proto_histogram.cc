#include "exposition/proto_histogram.h"

#include <algorithm>

#include "base/strings.h"
#include "exposition/proto_fields.h"

namespace slurmscope::exposition {
namespace {

using base::ProtoReader;
using base::View;

// Times beyond this are not of this world.
constexpr int64_t kMaxSeconds = int64_t{1} << 40;

ClassicBucket ReadBucket(ProtoReader message) {
  ClassicBucket bucket;
  uint64_t whole = 0;
  double fraction = 0;
  while (message.next()) {
    switch (message.tag()) {
      case proto::kBucketCount:
        whole = message.get_uint64();
        break;
      case proto::kBucketCountFloat:
        fraction = message.get_double();
        break;
      case proto::kBucketUpperBound:
        bucket.upper_bound = message.get_double();
        break;
      case proto::kBucketExemplar:
        bucket.exemplar = ReadProtoExemplar(message.get_message());
        break;
      default:
        message.skip();
    }
  }
  bucket.count = fraction > 0 ? fraction : static_cast<double>(whole);
  return bucket;
}

// The fields of the native part that are numbers.
bool ReadNativeField(ProtoReader& message, ProtoHistogram* histogram) {
  switch (message.tag()) {
    case proto::kHistogramSchema:
      histogram->schema = message.get_sint32();
      return true;
    case proto::kHistogramZeroThreshold:
      histogram->zero_threshold = message.get_double();
      return true;
    case proto::kHistogramZeroCount:
      histogram->zero_count = message.get_uint64();
      return true;
    case proto::kHistogramZeroCountFloat:
      histogram->float_zero_count = message.get_double();
      return true;
    default:
      return model::ReadBucketSide(message, proto::kHistogramNegative, &histogram->negative) ||
             model::ReadBucketSide(message, proto::kHistogramPositive, &histogram->positive);
  }
}

// A native histogram without observations has a zero threshold or an empty span, to be known by.
bool HasNative(const ProtoHistogram& histogram) {
  return !histogram.negative.spans.empty() || !histogram.positive.spans.empty() ||
         histogram.zero_threshold > 0 || histogram.zero_count > 0 || histogram.float_zero_count > 0;
}

template <typename Histogram>
Result<HistogramValue> Fill(const ProtoHistogram& from, bool gauge, Histogram h) {
  h.schema = from.schema;
  h.hint = gauge ? model::ResetHint::kGauge : model::ResetHint::kUnknown;
  h.zero_threshold = from.zero_threshold;
  h.sum = from.sum;
  TRY(model::FillBuckets(from.positive, &h.positive));
  TRY(model::FillBuckets(from.negative, &h.negative));
  return HistogramValue(std::move(h));
}

}  // namespace

Result<ProtoHistogram> ReadProtoHistogram(ProtoReader message) {
  ProtoHistogram histogram;
  while (message.next()) {
    switch (message.tag()) {
      case proto::kHistogramCount:
        histogram.whole_count = message.get_uint64();
        break;
      case proto::kHistogramCountFloat:
        histogram.float_count = message.get_double();
        break;
      case proto::kHistogramSum:
        histogram.sum = message.get_double();
        break;
      case proto::kHistogramBucket:
        histogram.buckets.push_back(ReadBucket(message.get_message()));
        break;
      case proto::kHistogramCreated:
        histogram.created_ms = ReadProtoTimestamp(message.get_message());
        break;
      case proto::kHistogramExemplars:
        if (auto exemplar = ReadProtoExemplar(message.get_message()))
          histogram.exemplars.push_back(*std::move(exemplar));
        break;
      default:
        if (!ReadNativeField(message, &histogram)) message.skip();
    }
  }
  histogram.has_native = HasNative(histogram);
  return histogram;
}

Result<HistogramValue> NativeHistogram(const ProtoHistogram& from, bool gauge) {
  if (from.float_count > 0 || from.float_zero_count > 0) {
    model::FloatHistogram h;
    h.count = from.float_count;
    h.zero_count = from.float_zero_count;
    return Fill(from, gauge, std::move(h));
  }
  model::IntHistogram h;
  h.count = from.whole_count;
  h.zero_count = from.zero_count;
  return Fill(from, gauge, std::move(h));
}

std::vector<model::Exemplar> NativeExemplars(const ProtoHistogram& histogram) {
  std::vector<model::Exemplar> exemplars = histogram.exemplars;
  if (exemplars.empty()) {
    for (const ClassicBucket& bucket : histogram.buckets) {
      if (bucket.exemplar) exemplars.push_back(*bucket.exemplar);
    }
  }
  std::erase_if(exemplars, [](const model::Exemplar& each) { return !each.has_timestamp; });
  std::sort(exemplars.begin(), exemplars.end(),
            [](const model::Exemplar& a, const model::Exemplar& b) { return a.t < b.t; });
  return exemplars;
}

std::pair<std::string_view, std::string_view> ReadProtoLabel(ProtoReader message) {
  std::pair<std::string_view, std::string_view> label;
  while (message.next()) {
    if (message.tag() == proto::kLabelName) {
      label.first = View(message.get_view());
    } else if (message.tag() == proto::kLabelValue) {
      label.second = View(message.get_view());
    } else {
      message.skip();
    }
  }
  return label;
}

std::optional<model::Exemplar> ReadProtoExemplar(ProtoReader message) {
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  model::Exemplar exemplar;
  exemplar.has_timestamp = false;
  while (message.next()) {
    switch (message.tag()) {
      case proto::kExemplarLabel:
        labels.push_back(ReadProtoLabel(message.get_message()));
        break;
      case proto::kExemplarValue:
        exemplar.value = message.get_double();
        break;
      case proto::kExemplarTimestamp:
        exemplar.t = ReadProtoTimestamp(message.get_message());
        exemplar.has_timestamp = true;
        break;
      default:
        message.skip();
    }
  }
  for (const auto& [name, value] : labels) {
    if (!base::IsValidUtf8(name) || !base::IsValidUtf8(value)) return std::nullopt;
  }
  exemplar.labels = model::Labels::FromPairs(std::move(labels));
  return exemplar;
}

int64_t ReadProtoTimestamp(ProtoReader message) {
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  while (message.next()) {
    if (message.tag() == proto::kSeconds) {
      seconds = std::clamp(message.get_int64(), -kMaxSeconds, kMaxSeconds);
    } else if (message.tag() == proto::kNanos) {
      nanoseconds = message.get_int32();
    } else {
      message.skip();
    }
  }
  return seconds * 1000 + nanoseconds / 1'000'000;
}

}  // namespace slurmscope::exposition
