#include "remote/snappy_block.h"

#include <snappy.h>

#include "base/strings.h"

namespace slurmscope::remote {

using base::ErrorCode;
using base::Fail;

base::Result<std::string> SnappyDecode(std::string_view bytes, size_t limit) {
  size_t length = 0;
  if (!snappy::GetUncompressedLength(bytes.data(), bytes.size(), &length))
    return Fail(ErrorCode::kInvalidArgument, "snappy: corrupt input");
  if (length > limit) {
    return Fail(ErrorCode::kResourceExhausted, base::StrCat("snappy: decoded size of ", length,
                                                            " bytes is over the limit of ", limit));
  }
  std::string out;
  if (!snappy::Uncompress(bytes.data(), bytes.size(), &out))
    return Fail(ErrorCode::kInvalidArgument, "snappy: corrupt input");
  return out;
}

std::string SnappyEncode(std::string_view bytes) {
  std::string out;
  snappy::Compress(bytes.data(), bytes.size(), &out);
  return out;
}

}  // namespace slurmscope::remote
