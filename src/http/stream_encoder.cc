#include "http/stream_encoder.h"

#include <zlib.h>
#include <zstd.h>

namespace slurmscope::http {
namespace {

constexpr size_t kRoom = 64 * 1024;
constexpr int kGzipLevel = 1;
constexpr int kZstdLevel =
    1;  // its window is far below the 8 MiB that clients must take (RFC 9659)

class Plain final : public StreamEncoder {
 public:
  bool Encode(std::string_view piece, bool, std::string& out) override {
    out += piece;
    return true;
  }
};

class Gzip final : public StreamEncoder {
 public:
  ~Gzip() override {
    if (ready_) deflateEnd(&stream_);
  }

  bool Init() {
    constexpr int kGzipHeader = 16;  // beside the window bits: a gzip member, not zlib's own format
    ready_ = deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, MAX_WBITS | kGzipHeader, 8,
                          Z_DEFAULT_STRATEGY) == Z_OK;
    return ready_;
  }

  bool Encode(std::string_view piece, bool last, std::string& out) override {
    // The library does not write through it.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    do {
      const size_t size = out.size();
      out.resize(size + kRoom);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + size);
      stream_.avail_out = kRoom;
      const int outcome = deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      out.resize(out.size() - stream_.avail_out);
      if (outcome == Z_STREAM_ERROR) return false;
    } while (stream_.avail_out == 0);
    return true;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
using Context = std::unique_ptr<ZSTD_CCtx, FreeContext>;

Context NewContext() {
  Context context(ZSTD_createCCtx());
  if (context == nullptr) return nullptr;
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kZstdLevel);
  return context;
}

class Zstd final : public StreamEncoder {
 public:
  explicit Zstd(Context context) : context_(std::move(context)) {}

  bool Encode(std::string_view piece, bool last, std::string& out) override {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    const ZSTD_EndDirective end = last ? ZSTD_e_end : ZSTD_e_continue;
    while (true) {
      const size_t size = out.size();
      out.resize(size + kRoom);
      ZSTD_outBuffer room{out.data() + size, kRoom, 0};
      const size_t left = ZSTD_compressStream2(context_.get(), &room, &in, end);
      out.resize(size + room.pos);
      if (ZSTD_isError(left) != 0) return false;
      if (last ? left == 0 : in.pos == in.size) return true;
    }
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<StreamEncoder> StreamEncoder::Create(Coding coding) {
  switch (coding) {
    case Coding::kIdentity:
      return std::make_unique<Plain>();
    case Coding::kGzip: {
      auto gzip = std::make_unique<Gzip>();
      if (!gzip->Init()) return nullptr;
      return gzip;
    }
    case Coding::kZstd: {
      Context context = NewContext();
      if (context == nullptr) return nullptr;
      return std::make_unique<Zstd>(std::move(context));
    }
  }
  return nullptr;
}

std::string ZstdCompress(std::string_view data) {
  thread_local const Context context = NewContext();
  if (context == nullptr) return {};
  std::string out;
  out.resize(ZSTD_compressBound(data.size()));
  const size_t size =
      ZSTD_compress2(context.get(), out.data(), out.size(), data.data(), data.size());
  if (ZSTD_isError(size) != 0) return {};
  out.resize(size);
  return out;
}

}  // namespace slurmscope::http
