#include "http/gzip.h"

#include <libdeflate.h>

#include <algorithm>
#include <memory>

#include "base/strings.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::Fail;

namespace {

// No deflate stream expands further than this.
constexpr uint64_t kMaxRatio = 1032;
constexpr uint64_t kMinOutput = 256;

struct FreeCodec {
  void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

// Codecs are large to set up and hold no state between calls: one a thread.
libdeflate_compressor* Compressor(int level) {
  thread_local std::unique_ptr<libdeflate_compressor, FreeCodec> codec;
  thread_local int codec_level = -1;
  if (codec_level != level) {
    codec.reset(libdeflate_alloc_compressor(level));
    codec_level = level;
  }
  return codec.get();
}

libdeflate_decompressor* Decompressor() {
  thread_local std::unique_ptr<libdeflate_decompressor, FreeCodec> codec(
      libdeflate_alloc_decompressor());
  return codec.get();
}

// The length that the last member says it has: right for all honest bodies of one member below 4
// GiB.
uint64_t StatedSize(std::string_view data) {
  uint64_t size = 0;
  for (size_t i = 1; i <= 4 && i <= data.size(); ++i) {
    size = size << 8 | static_cast<unsigned char>(data[data.size() - i]);
  }
  return size;
}

}  // namespace

std::string GzipCompress(std::string_view data, int level) {
  libdeflate_compressor* codec = Compressor(std::clamp(level, 1, 12));
  if (codec == nullptr) return {};
  std::string out;
  out.resize(libdeflate_gzip_compress_bound(codec, data.size()));
  out.resize(libdeflate_gzip_compress(codec, data.data(), data.size(), out.data(), out.size()));
  return out;
}

base::Result<std::string> GzipDecompress(std::string_view data, uint64_t max_bytes) {
  libdeflate_decompressor* codec = Decompressor();
  if (codec == nullptr) return Fail(ErrorCode::kResourceExhausted, "no memory to decompress gzip");
  const uint64_t most = std::min(max_bytes, data.size() * kMaxRatio + kMinOutput);
  std::string out;
  out.resize(std::min(most, std::max(StatedSize(data), std::min(kMinOutput, most))));
  size_t written = 0;
  while (!data.empty()) {
    size_t consumed = 0;
    size_t produced = 0;
    const auto outcome =
        libdeflate_gzip_decompress_ex(codec, data.data(), data.size(), out.data() + written,
                                      out.size() - written, &consumed, &produced);
    if (outcome == LIBDEFLATE_SUCCESS) {
      data.remove_prefix(consumed);
      written += produced;
      continue;
    }
    if (outcome != LIBDEFLATE_INSUFFICIENT_SPACE)
      return Fail(ErrorCode::kCorruption, "invalid gzip data");
    if (out.size() >= most) {
      return Fail(ErrorCode::kResourceExhausted,
                  base::StrCat("gzip data is longer than ", max_bytes, " bytes"));
    }
    out.resize(std::min(most, out.size() * 2 + kMinOutput));
  }
  out.resize(written);
  return out;
}

}  // namespace slurmscope::http
