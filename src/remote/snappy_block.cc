#include "remote/snappy_block.h"

#include <snappy.h>

#include "base/bytes.h"
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

// A block is its length and then elements, which do not reach back beyond 64 KiB pieces: those of
// several blocks one after the other are those of one.
bool SnappyPieces::Next(std::string& out, size_t size) {
  if (done_ == 0) base::PutUvarint(out, bytes_.size());
  std::string_view piece = std::string_view(bytes_).substr(done_, size);
  done_ += piece.size();
  std::string block = SnappyEncode(piece);
  base::ByteReader reader(block);
  reader.Uvarint();
  out += reader.rest();
  return done_ < bytes_.size();
}

}  // namespace slurmscope::remote
