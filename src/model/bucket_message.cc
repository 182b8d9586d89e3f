#include "model/bucket_message.h"

#include "base/strings.h"

namespace slurmscope::model {
namespace {

using base::ErrorCode;
using base::Fail;
using base::ProtoReader;
using base::Result;

Span ReadSpan(ProtoReader message) {
  Span span;
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
Result<std::vector<int32_t>> Indexes(const std::vector<Span>& spans, size_t buckets) {
  std::vector<int32_t> indexes;
  SpanReader reader(buckets, &indexes);
  for (const Span& span : spans) {
    if (!reader.Add(span.offset, span.length))
      return Fail(ErrorCode::kInvalidArgument, "histogram spans that ascend not or are too long");
  }
  if (indexes.size() == buckets) return indexes;
  return Fail(ErrorCode::kInvalidArgument, base::StrCat("histogram spans for ", indexes.size(),
                                                        " buckets, but ", buckets, " buckets"));
}

bool IsPacked(const ProtoReader& message) {
  return message.wire_type() == protozero::pbf_wire_type::length_delimited;
}

}  // namespace

bool ReadBucketSide(ProtoReader& message, uint32_t first, BucketSide* side) {
  if (message.tag() == first) {
    side->spans.push_back(ReadSpan(message.get_message()));
  } else if (message.tag() == first + 1 && IsPacked(message)) {
    for (int64_t delta : message.get_packed_sint64()) side->deltas.push_back(delta);
  } else if (message.tag() == first + 1) {
    side->deltas.push_back(message.get_sint64());
  } else if (message.tag() == first + 2 && IsPacked(message)) {
    for (double count : message.get_packed_double()) side->counts.push_back(count);
  } else if (message.tag() == first + 2) {
    side->counts.push_back(message.get_double());
  } else {
    return false;
  }
  return true;
}

Result<void> FillBuckets(const BucketSide& side, std::vector<IntHistogramBucket>* out) {
  std::vector<int32_t> indexes = TRY(Indexes(side.spans, side.deltas.size()));
  uint64_t count = 0;  // wraps where the sender lies; Validate() finds what is negative
  for (size_t i = 0; i < indexes.size(); ++i) {
    count += static_cast<uint64_t>(side.deltas[i]);
    out->push_back({indexes[i], static_cast<int64_t>(count)});
  }
  return {};
}

Result<void> FillBuckets(const BucketSide& side, std::vector<HistogramBucket>* out) {
  std::vector<int32_t> indexes = TRY(Indexes(side.spans, side.counts.size()));
  for (size_t i = 0; i < indexes.size(); ++i) out->push_back({indexes[i], side.counts[i]});
  return {};
}

}  // namespace slurmscope::model
