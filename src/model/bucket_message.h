#pragma once

#include <cstdint>
#include <vector>

#include "base/protobuf.h"
#include "base/result.h"
#include "model/histogram_spans.h"
#include "model/int_histogram.h"

// The buckets of a native histogram as protobuf messages have them: the exposition's and those of
// remote write are alike.
namespace slurmscope::model {

// One side of a histogram: where its buckets lie, and their counts: whole ones each as the
// difference to the one before, or counts that are none.
struct BucketSide {
  std::vector<Span> spans;
  std::vector<int64_t> deltas;
  std::vector<double> counts;
};

// Reads the current field when it is one of a side, whose spans have the field `first`, deltas and
// counts the next two, packed or not; false, with nothing read, when it is another. To be called
// inside base::DecodeProtobuf.
bool ReadBucketSide(base::ProtoReader& message, uint32_t first, BucketSide* side);

// kInvalidArgument when spans and counts do not fit together. Whether counts make sense is
// Validate()'s to say.
base::Result<void> FillBuckets(const BucketSide& side, std::vector<IntHistogramBucket>* out);
base::Result<void> FillBuckets(const BucketSide& side, std::vector<HistogramBucket>* out);

}  // namespace slurmscope::model
