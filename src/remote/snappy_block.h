#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::remote {

// The snappy block format, which remote write and read wrap their messages in.
// kResourceExhausted when it claims more than `limit` bytes, kInvalidArgument when it is malformed.
base::Result<std::string> SnappyDecode(std::string_view bytes, size_t limit);
std::string SnappyEncode(std::string_view bytes);

// The same of a long message piece by piece, so that it is not held twice. Not thread-safe.
class SnappyPieces {
 public:
  explicit SnappyPieces(std::string bytes) : bytes_(std::move(bytes)) {}
  // Appends the next part of the block, made of `size` bytes; false when it was the last one.
  bool Next(std::string& out, size_t size);

 private:
  const std::string bytes_;
  size_t done_ = 0;
};

}  // namespace slurmscope::remote
