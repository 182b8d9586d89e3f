#include "tsdb/xor_chunk.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <random>

namespace slurmscope::tsdb {
namespace {

using model::Columns;
using model::Sample;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

std::string Encode(const std::vector<Sample>& samples) {
  XorChunkBuilder builder;
  for (const Sample& sample : samples) builder.Append(sample.t, sample.v);
  return builder.bytes();
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

void ExpectRoundTrip(const std::vector<Sample>& samples) {
  Columns out;
  auto result = DecodeXorChunk(Encode(samples), kMin, kMax, &out);
  ASSERT_TRUE(result) << result.error().message();
  ASSERT_EQ(out.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(out.t[i], samples[i].t) << i;
    EXPECT_EQ(std::bit_cast<uint64_t>(out.v[i]), std::bit_cast<uint64_t>(samples[i].v)) << i;
  }
}

// Worked out on paper from the layout: t0 = 1000 (zigzag 2000 = d0 0f), v0 = 1.0 (3ff0...), delta
// 15 (0f).
TEST(XorChunk, KnownBytes) {
  EXPECT_EQ(Hex(Encode({{1000, 1.0}})), "0001d00f3ff0000000000000");
  // Same value: one bit 0.
  EXPECT_EQ(Hex(Encode({{1000, 1.0}, {1015, 1.0}})), "0002d00f3ff00000000000000f00");
  // 1.0 ^ 2.0 = 7ff0...: leading 1, 11 significant bits: 11 00001 001011 11111111111 = c2 5f fe 00
  // with the padding.
  EXPECT_EQ(Hex(Encode({{1000, 1.0}, {1015, 2.0}})), "0002d00f3ff00000000000000fc25fff");
  // A dod of 0 and the window used again, 2.0 -> 1.0: 0, 10, 11111111111 after 24 bits.
  EXPECT_EQ(Hex(Encode({{1000, 1.0}, {1015, 2.0}, {1030, 1.0}})),
            "0003d00f3ff00000000000000fc25fff5ffc");
  // A dod of -1 in 14 bits: 10 11111111111111, value the same: 0. The first bit of it all is the 0
  // of v1.
  EXPECT_EQ(Hex(Encode({{1000, 1.0}, {1015, 1.0}, {1029, 1.0}})),
            "0003d00f3ff00000000000000f5fff80");
}

TEST(XorChunk, DeltaOfDeltaAtTheEdgesOfEachClass) {
  for (int64_t edge : {int64_t{1} << 13, int64_t{1} << 16, int64_t{1} << 19, int64_t{1} << 40}) {
    for (int64_t dod : {edge - 1, edge, edge + 1, -edge + 1, -edge, -edge - 1}) {
      int64_t delta = int64_t{1} << 41;
      ExpectRoundTrip({{0, 1}, {delta, 2}, {delta * 2 + dod, 3}, {delta * 3 + dod, 4}});
    }
  }
  // How long the edges are tells the class: header 2 + 1 + 8, delta 6, value 1 bit, then dod, then
  // value.
  auto bytes_of = [](int64_t dod) {
    int64_t delta = int64_t{1} << 41;
    return Encode({{0, 1}, {delta, 1}, {delta * 2 + dod, 1}}).size() - 17;
  };
  EXPECT_EQ(bytes_of(8192), 3u);  // 1 + 2 + 14 + 1
  EXPECT_EQ(bytes_of(-8191), 3u);
  EXPECT_EQ(bytes_of(-8192), 3u);  // 1 + 3 + 17 + 1 = 22
  EXPECT_EQ(bytes_of(65536), 3u);
  EXPECT_EQ(bytes_of(65537), 4u);  // 1 + 4 + 20 + 1 = 26
  EXPECT_EQ(bytes_of(524288), 4u);
  EXPECT_EQ(bytes_of(524289), 9u);  // 1 + 4 + 64 + 1 = 70
  EXPECT_EQ(bytes_of(-524288), 9u);
}

TEST(XorChunk, SpecialValuesAndTimes) {
  ExpectRoundTrip({{1, model::NormalNan()},
                   {2, model::StaleNan()},
                   {3, 0.0},
                   {4, -0.0},
                   {5, std::numeric_limits<double>::infinity()},
                   {6, 5e-324}});
  ExpectRoundTrip({{kMin, 1}, {-1, 2}, {0, 3}, {kMax, 4}});
  ExpectRoundTrip({{-5, std::bit_cast<double>(uint64_t{1})},
                   {0, std::bit_cast<double>(~uint64_t{0})},
                   {7, std::bit_cast<double>(uint64_t{1} << 63)}});
}

TEST(XorChunk, RandomWalks) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<Sample> samples;
    int64_t t = static_cast<int64_t>(random() % 2'000'000'000'000);
    double v = 100;
    for (int i = 0; i < 240; ++i) {
      t += 1 + static_cast<int64_t>(random() % (seed % 3 == 0 ? 2'000'000 : 20'000));
      if (seed % 2 == 0) v += static_cast<double>(random() % 1000) / (seed % 5 == 0 ? 7 : 1);
      if (seed % 7 == 0) v = std::bit_cast<double>(random());
      samples.push_back({t, v});
    }
    ExpectRoundTrip(samples);
  }
}

// The same as one by one, whatever is in them.
void ExpectTwoAsOneByOne(std::string_view first, std::string_view second, int64_t mint,
                         int64_t maxt) {
  Columns want;
  want.t = {kMin};
  want.v = {0};
  Columns got = want;
  auto wanted = DecodeXorChunk(first, mint, maxt, &want);
  if (wanted) wanted = DecodeXorChunk(second, mint, maxt, &want);
  auto decoded = DecodeXorChunks(first, second, mint, maxt, &got);
  ASSERT_EQ(decoded.has_value(), wanted.has_value());
  if (!decoded) {
    EXPECT_EQ(decoded.error().message(), wanted.error().message());
    EXPECT_EQ(got.size(), 1u);
    return;
  }
  EXPECT_EQ(got.t, want.t);
  ASSERT_EQ(got.v.size(), want.v.size());
  for (size_t i = 0; i < want.v.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint64_t>(got.v[i]), std::bit_cast<uint64_t>(want.v[i])) << i;
}

// A chunk of values of some kind: constant, counting, jumping, any bits at all.
std::string RandomChunk(std::mt19937_64& random, int64_t* t, size_t count) {
  std::vector<Sample> samples;
  uint64_t kind = random() % 5;
  uint64_t jitter = random() % 3 == 0 ? 20'000 : 1;
  double v = 100;
  while (samples.size() < count) {
    *t += 15'000 + static_cast<int64_t>(random() % jitter);
    if (random() % 40 == 0) *t += int64_t{1} << (random() % 41);
    if (kind == 1) v += 17;
    if (kind == 2 && random() % 2 == 0) v += static_cast<double>(random() % 1000) / 7;
    if (kind == 3) v = std::bit_cast<double>(random());
    if (kind == 4) v = -v;
    samples.push_back({*t, v});
  }
  return Encode(samples);
}

TEST(XorChunk, TwoAreAsOneByOne) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 2000; ++round) {
    auto t = static_cast<int64_t>(random() % 2'000'000'000'000);
    int64_t begin = t;
    std::string first = RandomChunk(random, &t, random() % 130);
    int64_t border = t;
    std::string second = RandomChunk(random, &t, random() % 130);
    ExpectTwoAsOneByOne(first, second, kMin, kMax);
    ExpectTwoAsOneByOne(first, second, begin + (border - begin) / 2, border + (t - border) / 2);
    ExpectTwoAsOneByOne(first, second, border + 1, kMax);
    ExpectTwoAsOneByOne(first, second, kMin, border);
    ExpectTwoAsOneByOne(second, first, kMin, kMax);
    std::string& damaged = random() % 2 == 0 ? first : second;
    size_t bit = random() % (damaged.size() * 8);
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    ExpectTwoAsOneByOne(first, second, kMin, kMax);
    damaged.resize(random() % damaged.size());
    ExpectTwoAsOneByOne(first, second, kMin, kMax);
  }
}

TEST(XorChunk, DecodesARange) {
  std::string chunk = Encode({{10, 1}, {20, 2}, {30, 3}, {40, 4}});
  Columns out;
  out.t = {1};
  out.v = {0};
  ASSERT_TRUE(DecodeXorChunk(chunk, 20, 30, &out));
  EXPECT_EQ(out.t, (model::Times{1, 20, 30}));
  EXPECT_EQ(out.v, (model::Values{0, 2, 3}));
  ASSERT_TRUE(DecodeXorChunk(chunk, 41, 50, &out));
  ASSERT_TRUE(DecodeXorChunk(chunk, 0, 9, &out));
  EXPECT_EQ(out.size(), 3u);
}

TEST(XorChunk, DamageIsAnErrorOrOtherSamplesNeverACrash) {
  std::vector<Sample> samples;
  for (int i = 0; i < 100; ++i) samples.push_back({i * 1000 + i % 7, 1.0 / (i + 1)});
  const std::string chunk = Encode(samples);
  for (size_t cut = 0; cut < chunk.size(); ++cut) {
    Columns out;
    EXPECT_FALSE(DecodeXorChunk(std::string_view(chunk).substr(0, cut), kMin, kMax, &out)) << cut;
    EXPECT_EQ(out.size(), 0u);
  }
  for (size_t bit = 0; bit < chunk.size() * 8; ++bit) {
    std::string damaged = chunk;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Columns out;
    (void)DecodeXorChunk(damaged, kMin, kMax, &out);
    for (size_t i = 1; i < out.size(); ++i) ASSERT_LT(out.t[i - 1], out.t[i]);
  }
  Columns out;
  EXPECT_TRUE(DecodeXorChunk(std::string(2, '\0'), kMin, kMax, &out));
}

}  // namespace
}  // namespace slurmscope::tsdb
