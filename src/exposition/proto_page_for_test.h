#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/protobuf.h"
#include "exposition/proto_fields.h"

// Pages of protobuf by hand, for tests.
namespace slurmscope::exposition {

class ProtoFamilyForTest {
 public:
  ProtoFamilyForTest(const std::string& name, int type, const std::string& help = "") {
    base::ProtoWriter family(bytes_);
    family.add_string(proto::kFamilyName, name);
    if (!help.empty()) family.add_string(proto::kFamilyHelp, help);
    family.add_enum(proto::kFamilyType, type);
  }
  // A metric with one label (none when its name is empty), whose value has these bytes.
  ProtoFamilyForTest& Add(const std::string& label, const std::string& value, uint32_t field,
                          const std::string& message, int64_t t = 0) {
    base::ProtoWriter family(bytes_);
    base::ProtoWriter metric(family, proto::kFamilyMetric);
    if (!label.empty()) {
      base::ProtoWriter pair(metric, proto::kMetricLabel);
      pair.add_string(proto::kLabelName, label);
      pair.add_string(proto::kLabelValue, value);
    }
    metric.add_message(field, message);
    if (t != 0) metric.add_int64(proto::kMetricTimestampMs, t);
    return *this;
  }
  std::string Page() const {
    std::string page;
    base::PutUvarintString(page, bytes_);
    return page;
  }

 private:
  std::string bytes_;
};

inline std::string ProtoTimestampForTest(int64_t seconds, int32_t nanoseconds = 0) {
  std::string bytes;
  base::ProtoWriter message(bytes);
  message.add_int64(proto::kSeconds, seconds);
  message.add_int32(proto::kNanos, nanoseconds);
  return bytes;
}

inline std::string ProtoExemplarForTest(const std::string& trace, double value,
                                        int64_t seconds = 0) {
  std::string bytes;
  base::ProtoWriter message(bytes);
  {
    base::ProtoWriter pair(message, proto::kExemplarLabel);
    pair.add_string(proto::kLabelName, "trace");
    pair.add_string(proto::kLabelValue, trace);
  }
  message.add_double(proto::kExemplarValue, value);
  if (seconds != 0) message.add_message(proto::kExemplarTimestamp, ProtoTimestampForTest(seconds));
  return bytes;
}

inline std::string ProtoCounterForTest(double value, int64_t created_seconds = 0,
                                       const std::string& exemplar = "") {
  std::string bytes;
  base::ProtoWriter message(bytes);
  message.add_double(proto::kValue, value);
  if (!exemplar.empty()) message.add_message(proto::kCounterExemplar, exemplar);
  if (created_seconds != 0)
    message.add_message(proto::kCounterCreated, ProtoTimestampForTest(created_seconds));
  return bytes;
}

// Buckets up to 0.5 and 1 beside a native part (schema 0) with `a` observations in (0.5, 1] and
// `b` in (1, 2], packed or not.
inline std::string ProtoHistogramForTest(int64_t a, int64_t b, bool native, bool packed,
                                         int64_t created_seconds = 0) {
  std::string bytes;
  base::ProtoWriter message(bytes);
  message.add_uint64(proto::kHistogramCount, static_cast<uint64_t>(a + b));
  message.add_double(proto::kHistogramSum, static_cast<double>(a) * 0.75 + static_cast<double>(b));
  for (auto [bound, count] : {std::pair(0.5, int64_t{0}), {1.0, a}}) {
    base::ProtoWriter bucket(message, proto::kHistogramBucket);
    bucket.add_uint64(proto::kBucketCount, static_cast<uint64_t>(count));
    bucket.add_double(proto::kBucketUpperBound, bound);
    if (count > 0) bucket.add_message(proto::kBucketExemplar, ProtoExemplarForTest("t", 0.7, 99));
  }
  if (created_seconds != 0)
    message.add_message(proto::kHistogramCreated, ProtoTimestampForTest(created_seconds));
  if (!native) return bytes;
  message.add_sint32(proto::kHistogramSchema, 0);
  message.add_double(proto::kHistogramZeroThreshold, 0.001);
  {
    base::ProtoWriter span(message, proto::kHistogramPositive);
    span.add_sint32(proto::kSpanOffset, 0);
    span.add_uint32(proto::kSpanLength, 2);
  }
  const std::vector<int64_t> deltas = {a, b - a};
  if (packed) {
    message.add_packed_sint64(proto::kHistogramPositive + 1, deltas.begin(), deltas.end());
  } else {
    for (int64_t delta : deltas) message.add_sint64(proto::kHistogramPositive + 1, delta);
  }
  return bytes;
}

}  // namespace slurmscope::exposition
