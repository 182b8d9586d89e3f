#include "http/encoding.h"

#include <gtest/gtest.h>

#include "http/gzip.h"
#include "http/stream_encoder.h"

namespace slurmscope::http {
namespace {

TEST(Gzip, RoundTripsAlsoSeveralMembers) {
  for (size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{300'000}}) {
    std::string text;
    while (text.size() < size) text += std::to_string(text.size() * 7919);
    EXPECT_EQ(*GzipDecompress(GzipCompress(text), text.size()), text);
    EXPECT_EQ(*GzipDecompress(GzipCompress(text) + GzipCompress("tail"), text.size() + 4),
              text + "tail");
  }
}

TEST(Gzip, StopsAtTheBound) {
  const std::string bomb = GzipCompress(std::string(1 << 20, '0'), 9);
  EXPECT_EQ(GzipDecompress(bomb, (1 << 20) - 1).error().code(),
            base::ErrorCode::kResourceExhausted);
  std::string liar = bomb;
  liar.replace(liar.size() - 4, 4, std::string("\1\0\0\0", 4));
  EXPECT_FALSE(GzipDecompress(liar, 1000));
}

TEST(Gzip, RefusesWhatIsNotGzip) {
  const std::string good = GzipCompress("some text that is long enough to be cut");
  EXPECT_EQ(GzipDecompress("plain text, no gzip at all", 1000).error().code(),
            base::ErrorCode::kCorruption);
  for (size_t i = 1; i < good.size(); ++i)
    EXPECT_FALSE(GzipDecompress(good.substr(0, i), 1000)) << i;
}

TEST(Encoding, ChoosesByWeight) {
  const std::vector<std::pair<const char*, Coding>> kCases = {
      {"", Coding::kIdentity},
      {"gzip", Coding::kGzip},
      {"zstd", Coding::kZstd},
      {"gzip, deflate, br, zstd", Coding::kZstd},
      {"zstd;q=0.5, gzip;q=0.8", Coding::kGzip},
      {"ZSTD;q=0.9,gzip;q=0.8", Coding::kZstd},
      {"gzip;q=0", Coding::kIdentity},
      {"gzip;q=0.000, zstd;q=0", Coding::kIdentity},
      {"*", Coding::kZstd},
      {"*;q=0.5, zstd;q=0", Coding::kGzip},
      {"*;q=0", Coding::kIdentity},
      {"identity;q=1, gzip;q=0.5", Coding::kIdentity},
      {"identity;q=0.5, gzip;q=0.5", Coding::kGzip},
      {"br, deflate", Coding::kIdentity},
      {"gzip;q=x", Coding::kGzip},
      {"gzip;level=9;q=0.1, zstd;q=0.05", Coding::kGzip},
  };
  for (const auto& [accepted, coding] : kCases)
    EXPECT_EQ(ChooseCoding(accepted), coding) << accepted;
}

TEST(StreamEncoder, PiecesMakeOneBody) {
  std::string text;
  while (text.size() < 3'000'000) text += std::to_string(text.size() * 7919) + ",";
  for (Coding coding : {Coding::kIdentity, Coding::kGzip, Coding::kZstd}) {
    auto encoder = StreamEncoder::Create(coding);
    ASSERT_NE(encoder, nullptr);
    std::string out;
    for (size_t at = 0; at < text.size(); at += 100'000) {
      ASSERT_TRUE(encoder->Encode(std::string_view(text).substr(at, 100'000), false, out));
    }
    ASSERT_TRUE(encoder->Encode("", true, out));
    if (coding == Coding::kIdentity) {
      EXPECT_EQ(out, text);
    } else {
      EXPECT_LT(out.size(), text.size() / 2);
    }
    if (coding == Coding::kGzip) {
      EXPECT_EQ(*GzipDecompress(out, text.size()), text);
    }
  }
}

TEST(Encoding, ReadsAcceptEncoding) {
  for (const char* yes :
       {"gzip", "GZip", "deflate, gzip;q=0.5", "br;q=1.0, *", "x-gzip", "*;q=0, gzip;q=1"}) {
    EXPECT_TRUE(AcceptsGzip(yes)) << yes;
  }
  for (const char* no :
       {"", "identity", "gzip;q=0", "gzip; q=0.000", "*, gzip;q=0", "gzipped", "*;q=0"}) {
    EXPECT_FALSE(AcceptsGzip(no)) << no;
  }
}

TEST(Encoding, KnowsWhatCompresses) {
  EXPECT_TRUE(IsCompressible("text/plain; version=0.0.4"));
  EXPECT_TRUE(IsCompressible("Application/JSON"));
  EXPECT_TRUE(IsCompressible("image/svg+xml"));
  EXPECT_FALSE(IsCompressible("image/png"));
  EXPECT_FALSE(IsCompressible("application/octet-stream"));
}

TEST(Encoding, UnpacksForAClientWithoutGzip) {
  Response response = Response::Text(200, GzipCompress("hello"));
  response.gzipped = true;
  EncodeBody(Request{}, 1024, response);
  EXPECT_EQ(response.body, "hello");
}

}  // namespace
}  // namespace slurmscope::http
