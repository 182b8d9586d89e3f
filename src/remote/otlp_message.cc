#include "remote/otlp_message.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/protobuf.h"
#include "base/strings.h"
#include "remote/otlp_value.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::ProtoReader;

constexpr uint32_t kNoRecordedValue = 1;
constexpr int32_t kDelta = 1;
constexpr int32_t kCumulative = 2;

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

Result<void> CheckSize(size_t size, size_t limit) {
  if (size <= limit) return {};
  return Fail(ErrorCode::kInvalidArgument, base::StrCat("a list of over ", limit, " items"));
}

Result<OtlpExemplar> ReadExemplar(ProtoReader message) {
  OtlpExemplar exemplar;
  while (message.next()) {
    switch (message.tag()) {
      case 2:
        exemplar.time_ns = message.get_fixed64();
        break;
      case 3:
        exemplar.value = message.get_double();
        break;
      case 4:
        exemplar.span_id = Hex(base::View(message.get_view()));
        break;
      case 5:
        exemplar.trace_id = Hex(base::View(message.get_view()));
        break;
      case 6:
        exemplar.value = static_cast<double>(message.get_sfixed64());
        break;
      case 7:
        TRY(ReadOtlpAttribute(message.get_message(), &exemplar.attributes));
        break;
      default:
        message.skip();
    }
  }
  return exemplar;
}

Result<void> AddExemplar(ProtoReader message, OtlpPoint* point) {
  point->exemplars.push_back(TRY(ReadExemplar(message)));
  return CheckSize(point->exemplars.size(), kMaxOtlpItems);
}

Result<OtlpPoint> ReadNumber(ProtoReader message) {
  OtlpPoint point;
  while (message.next()) {
    switch (message.tag()) {
      case 2:
        point.start_ns = message.get_fixed64();
        break;
      case 3:
        point.time_ns = message.get_fixed64();
        break;
      case 4:
        point.value = message.get_double();
        break;
      case 5:
        TRY(AddExemplar(message.get_message(), &point));
        break;
      case 6:
        point.value = static_cast<double>(message.get_sfixed64());
        break;
      case 7:
        TRY(ReadOtlpAttribute(message.get_message(), &point.attributes));
        break;
      case 8:
        point.no_value = (message.get_uint32() & kNoRecordedValue) != 0;
        break;
      default:
        message.skip();
    }
  }
  return point;
}

// The fields that all kinds but numbers have in common; false for another one.
bool ReadSumField(ProtoReader& message, OtlpPoint* point) {
  if (message.tag() == 2) {
    point->start_ns = message.get_fixed64();
  } else if (message.tag() == 3) {
    point->time_ns = message.get_fixed64();
  } else if (message.tag() == 4) {
    point->count = message.get_fixed64();
  } else if (message.tag() == 5) {
    point->sum = message.get_double();
    point->has_sum = true;
  } else {
    return false;
  }
  return true;
}

template <typename Range, typename Number>
Result<void> AddNumbers(const Range& range, std::vector<Number>* out) {
  for (auto number : range) {
    out->push_back(number);
    TRY(CheckSize(out->size(), kMaxOtlpBuckets));
  }
  return {};
}

Result<OtlpPoint> ReadHistogram(ProtoReader message) {
  OtlpPoint point;
  while (message.next()) {
    if (ReadSumField(message, &point)) continue;
    switch (message.tag()) {
      case 6:
        TRY(AddNumbers(message.get_packed_fixed64(), &point.counts));
        break;
      case 7:
        TRY(AddNumbers(message.get_packed_double(), &point.bounds));
        break;
      case 8:
        TRY(AddExemplar(message.get_message(), &point));
        break;
      case 9:
        TRY(ReadOtlpAttribute(message.get_message(), &point.attributes));
        break;
      case 10:
        point.no_value = (message.get_uint32() & kNoRecordedValue) != 0;
        break;
      default:
        message.skip();
    }
  }
  return point;
}

Result<OtlpBuckets> ReadBuckets(ProtoReader message) {
  OtlpBuckets buckets;
  while (message.next()) {
    if (message.tag() == 1) {
      buckets.offset = message.get_sint32();
    } else if (message.tag() == 2) {
      TRY(AddNumbers(message.get_packed_uint64(), &buckets.counts));
    } else {
      message.skip();
    }
  }
  return buckets;
}

Result<OtlpPoint> ReadExponential(ProtoReader message) {
  OtlpPoint point;
  while (message.next()) {
    if (ReadSumField(message, &point)) continue;
    switch (message.tag()) {
      case 1:
        TRY(ReadOtlpAttribute(message.get_message(), &point.attributes));
        break;
      case 6:
        point.scale = message.get_sint32();
        break;
      case 7:
        point.zero_count = message.get_fixed64();
        break;
      case 8:
        point.positive = TRY(ReadBuckets(message.get_message()));
        break;
      case 9:
        point.negative = TRY(ReadBuckets(message.get_message()));
        break;
      case 10:
        point.no_value = (message.get_uint32() & kNoRecordedValue) != 0;
        break;
      case 11:
        TRY(AddExemplar(message.get_message(), &point));
        break;
      case 14:
        point.zero_threshold = message.get_double();
        break;
      default:
        message.skip();
    }
  }
  return point;
}

std::pair<double, double> ReadQuantile(ProtoReader message) {
  std::pair<double, double> quantile;
  while (message.next()) {
    if (message.tag() == 1) {
      quantile.first = message.get_double();
    } else if (message.tag() == 2) {
      quantile.second = message.get_double();
    } else {
      message.skip();
    }
  }
  return quantile;
}

Result<OtlpPoint> ReadSummary(ProtoReader message) {
  OtlpPoint point;
  while (message.next()) {
    if (ReadSumField(message, &point)) continue;
    switch (message.tag()) {
      case 6:
        point.quantiles.push_back(ReadQuantile(message.get_message()));
        TRY(CheckSize(point.quantiles.size(), kMaxOtlpItems));
        break;
      case 7:
        TRY(ReadOtlpAttribute(message.get_message(), &point.attributes));
        break;
      case 8:
        point.no_value = (message.get_uint32() & kNoRecordedValue) != 0;
        break;
      default:
        message.skip();
    }
  }
  return point;
}

OtlpKind KindOf(uint32_t field) {
  switch (field) {
    case 5:
      return OtlpKind::kGauge;
    case 7:
      return OtlpKind::kSum;
    case 9:
      return OtlpKind::kHistogram;
    case 10:
      return OtlpKind::kExponentialHistogram;
    default:
      return OtlpKind::kSummary;
  }
}

// The fields of Sum, Histogram and so on besides the points, which may come before them.
void ReadKindFields(ProtoReader data, OtlpMetric* metric) {
  while (data.next()) {
    if (data.tag() == 2) {
      const int32_t temporality = data.get_enum();
      metric->cumulative = temporality == kCumulative;
      metric->delta = temporality == kDelta;
    } else if (data.tag() == 3) {
      metric->monotonic = data.get_bool();
    } else {
      data.skip();
    }
  }
}

// All but the points, and the message of these.
ProtoReader ReadMetricFields(ProtoReader message, OtlpMetric* metric) {
  ProtoReader data;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        metric->name = message.get_string();
        break;
      case 2:
        metric->description = message.get_string();
        break;
      case 3:
        metric->unit = message.get_string();
        break;
      case 5:
      case 7:
      case 9:
      case 10:
      case 11:
        metric->kind = KindOf(message.tag());
        data = message.get_message();
        break;
      default:
        message.skip();
    }
  }
  return data;
}

Result<OtlpPoint> ReadPoint(OtlpKind kind, ProtoReader message) {
  switch (kind) {
    case OtlpKind::kHistogram:
      return ReadHistogram(message);
    case OtlpKind::kExponentialHistogram:
      return ReadExponential(message);
    case OtlpKind::kSummary:
      return ReadSummary(message);
    default:
      return ReadNumber(message);
  }
}

Result<void> ReadMetric(ProtoReader message, OtlpSink& sink) {
  OtlpMetric metric;
  ProtoReader data = ReadMetricFields(message, &metric);
  if (metric.kind == OtlpKind::kNone) return {};
  ReadKindFields(data, &metric);
  sink.BeginMetric(metric);
  while (data.next(1)) sink.TakePoint(TRY(ReadPoint(metric.kind, data.get_message())));
  return {};
}

Result<void> ReadScopeInto(ProtoReader message, OtlpScope* scope) {
  while (message.next()) {
    if (message.tag() == 1) {
      scope->name = message.get_string();
    } else if (message.tag() == 2) {
      scope->version = message.get_string();
    } else if (message.tag() == 3) {
      TRY(ReadOtlpAttribute(message.get_message(), &scope->attributes));
    } else {
      message.skip();
    }
  }
  return {};
}

// What is said of all metrics may come behind them.
Result<void> ReadScopeMetrics(ProtoReader message, OtlpSink& sink) {
  OtlpScope scope;
  for (ProtoReader first = message; first.next();) {
    if (first.tag() == 1) {
      TRY(ReadScopeInto(first.get_message(), &scope));
    } else if (first.tag() == 3) {
      scope.schema_url = first.get_string();
    } else {
      first.skip();
    }
  }
  sink.BeginScope(scope);
  while (message.next(2)) TRY(ReadMetric(message.get_message(), sink));
  return {};
}

Result<void> ReadResourceMetrics(ProtoReader message, OtlpSink& sink) {
  OtlpAttributes attributes;
  for (ProtoReader first = message; first.next(1);) {
    ProtoReader resource = first.get_message();
    while (resource.next(1)) TRY(ReadOtlpAttribute(resource.get_message(), &attributes));
  }
  sink.BeginResource(attributes);
  while (message.next(2)) TRY(ReadScopeMetrics(message.get_message(), sink));
  sink.EndResource();
  return {};
}

}  // namespace

Result<void> DecodeOtlp(std::string_view message, OtlpSink& sink) {
  return base::DecodeProtobuf([&]() -> Result<void> {
    ProtoReader request(message.data(), message.size());
    while (request.next(1)) TRY(ReadResourceMetrics(request.get_message(), sink));
    return {};
  });
}

}  // namespace slurmscope::remote
