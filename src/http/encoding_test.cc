#include "http/encoding.h"

#include <gtest/gtest.h>

#include "http/gzip.h"

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
