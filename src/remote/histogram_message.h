#pragma once

#include "base/protobuf.h"
#include "remote/write_message.h"

namespace slurmscope::remote {

// prometheus.Histogram, the same in both versions of remote write; kInvalidArgument when spans and
// counts do not fit together. To be called inside base::DecodeProtobuf.
Result<WriteHistogram> DecodeHistogram(base::ProtoReader message);

}  // namespace slurmscope::remote
