#pragma once

#include "base/protobuf.h"
#include "remote/write_message.h"

namespace slurmscope::remote {

// prometheus.Histogram, the same in both versions of remote write; kInvalidArgument when spans and
// counts do not fit together. To be called inside base::DecodeProtobuf.
Result<WriteHistogram> DecodeHistogram(base::ProtoReader message);

// Writes the fields of one.
void EncodeHistogram(const model::IntHistogram& h, int64_t t, base::ProtoWriter* message);
void EncodeHistogram(const model::FloatHistogram& h, int64_t t, base::ProtoWriter* message);
void EncodeHistogram(const std::variant<model::IntHistogram, model::FloatHistogram>& h, int64_t t,
                     base::ProtoWriter* message);

}  // namespace slurmscope::remote
