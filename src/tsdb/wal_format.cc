#include "tsdb/wal_format.h"

#include <snappy.h>
#include <zstd.h>

#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

// Three bytes of snappy stand for 64 at most, so a lying length cannot make us allocate much.
constexpr size_t kSnappyBestRatio = 22;
// The fastest of the regular levels, as Prometheus writes.
constexpr int kZstdLevel = 1;

using base::ErrorCode;
using base::Fail;
using base::Result;

Result<std::string_view> DecompressSnappy(std::string_view stored, std::string* buffer) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(stored.data(), stored.size(), &size) ||
      size > kMaxRecordBytes || size / kSnappyBestRatio > stored.size()) {
    return Fail(ErrorCode::kCorruption, "snappy record has no sane length");
  }
  buffer->resize(size);
  if (!snappy::RawUncompress(stored.data(), stored.size(), buffer->data())) {
    return Fail(ErrorCode::kCorruption, "snappy record is damaged");
  }
  return *buffer;
}

size_t CompressSnappy(std::string_view record, std::string* out) {
  out->resize(snappy::MaxCompressedLength(record.size()));
  size_t size = 0;
  snappy::RawCompress(record.data(), record.size(), out->data(), &size);
  return size;
}

// 0 when it could not. The context is large: one for each thread that writes.
size_t CompressZstd(std::string_view record, std::string* out) {
  struct Context {
    ZSTD_CCtx* cctx = ZSTD_createCCtx();
    ~Context() { ZSTD_freeCCtx(cctx); }
  };
  thread_local Context context;
  if (context.cctx == nullptr) return 0;
  out->resize(ZSTD_compressBound(record.size()));
  size_t size = ZSTD_compressCCtx(context.cctx, out->data(), out->size(), record.data(),
                                  record.size(), kZstdLevel);
  return ZSTD_isError(size) ? 0 : size;
}

// The frame need not say its length, so the output grows as it comes.
Result<std::string_view> DecompressZstd(std::string_view stored, std::string* buffer) {
  struct Context {
    ZSTD_DCtx* dctx = ZSTD_createDCtx();
    ~Context() { ZSTD_freeDCtx(dctx); }
  };
  thread_local Context context;
  if (context.dctx == nullptr) return Fail(ErrorCode::kResourceExhausted, "no memory for zstd");
  ZSTD_DCtx_reset(context.dctx, ZSTD_reset_session_only);
  buffer->clear();
  ZSTD_inBuffer in{stored.data(), stored.size(), 0};
  size_t left = 1;
  while (left != 0) {
    size_t old_size = buffer->size();
    if (old_size > kMaxRecordBytes) return Fail(ErrorCode::kCorruption, "zstd record is too long");
    buffer->resize(old_size + ZSTD_DStreamOutSize());
    ZSTD_outBuffer out{buffer->data(), buffer->size(), old_size};
    left = ZSTD_decompressStream(context.dctx, &out, &in);
    buffer->resize(out.pos);
    bool stuck = in.pos == in.size && out.pos == old_size;
    if (ZSTD_isError(left) || (left != 0 && stuck)) {
      return Fail(ErrorCode::kCorruption, "zstd record is damaged");
    }
  }
  return *buffer;
}

}  // namespace

std::string SegmentName(uint64_t index) {
  std::string digits = std::to_string(index);
  return digits.size() < 8 ? std::string(8 - digits.size(), '0') + digits : digits;
}

std::optional<uint64_t> ParseSegmentName(std::string_view name) {
  if (name.size() < 8) return std::nullopt;
  return base::ParseInt<uint64_t>(name);
}

StoredRecord StoreRecord(std::string record, WalCompression compression) {
  if (compression == WalCompression::kNone) return {std::move(record), 0};
  bool zstd = compression == WalCompression::kZstd;
  std::string compressed;
  size_t size = zstd ? CompressZstd(record, &compressed) : CompressSnappy(record, &compressed);
  if (size == 0 || size >= record.size()) return {std::move(record), 0};
  compressed.resize(size);
  return {std::move(compressed), zstd ? kZstdFlag : kSnappyFlag};
}

Result<std::string_view> DecompressRecord(std::string_view stored, uint8_t flags,
                                          std::string* buffer) {
  if ((flags & kSnappyFlag) != 0) return DecompressSnappy(stored, buffer);
  if ((flags & kZstdFlag) != 0) return DecompressZstd(stored, buffer);
  return stored;
}

}  // namespace slurmscope::tsdb
