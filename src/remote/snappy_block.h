#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::remote {

// The snappy block format, which remote write and read wrap their messages in.
// kResourceExhausted when it claims more than `limit` bytes, kInvalidArgument when it is malformed.
base::Result<std::string> SnappyDecode(std::string_view bytes, size_t limit);
std::string SnappyEncode(std::string_view bytes);

}  // namespace slurmscope::remote
