#include "tsdb/histogram_chunk.h"

#include <limits>

#include "base/bytes.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/histogram_test_support.h"

namespace slurmscope::tsdb {
namespace {

using model::FloatHistogram;
using model::IntHistogram;
using model::ResetHint;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

std::string Hex(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", static_cast<uint8_t>(c));
    out += pair;
  }
  return out;
}

IntHistogram Small(uint64_t one, uint64_t two) {
  IntHistogram h;
  h.schema = 1;
  h.zero_threshold = 0.5;
  h.zero_count = 1;
  h.count = 1 + one + two;
  h.sum = 2.5;
  h.positive = {{0, static_cast<int64_t>(one)}, {3, static_cast<int64_t>(two)}};
  return h;
}

TEST(BitStream, VarbitNumbersReadBack) {
  std::vector<int64_t> ints = {0, 1, -1, 4, -3, 5, -4, 32, -31, 33, 256, -255, 257, 2048, -2047};
  for (int bits : {17, 18, 24, 25, 55, 56, 62}) {
    for (int64_t off : {-1, 0, 1}) {
      ints.push_back((int64_t{1} << bits) + off);
      ints.push_back(-(int64_t{1} << bits) + off);
    }
  }
  ints.push_back(kMax);
  ints.push_back(kMin);
  BitWriter writer;
  for (int64_t v : ints) {
    writer.PutVarbitInt(v);
    writer.PutVarbitUint(static_cast<uint64_t>(v));
  }
  BitReader reader(writer.bytes());
  for (int64_t v : ints) {
    EXPECT_EQ(reader.ReadVarbitInt(), v);
    EXPECT_EQ(reader.ReadVarbitUint(), static_cast<uint64_t>(v));
  }
  EXPECT_FALSE(reader.past_end());
}

// Worked out by hand from the description of the format.
TEST(HistogramChunk, BytesAreThoseOfTheFormat) {
  IntHistogramChunkBuilder builder;
  builder.Append(0, Small(1, 2));
  // 0001 | 00 | threshold 0.5: 0xf3 | schema 1: 10 001 | 2 spans: 10 010, length 1: 10 001,
  // offset 0: 0, length 1: 10 001, offset 2: 10 010 | no negative spans: 0 | t 0: 0 | count 4:
  // 10 100 | zero 1: 10 001 | sum | 1: 10 001 | 2 - 1: 10 001
  BitWriter bits;
  bits.Put(1, 16);
  bits.Put(0, 8);
  bits.Put(0xf3, 8);
  for (unsigned code : {0b10001u, 0b10010u, 0b10001u}) bits.Put(code, 5);
  bits.Put(0, 1);
  for (unsigned code : {0b10001u, 0b10010u}) bits.Put(code, 5);
  bits.Put(0, 2);
  for (unsigned code : {0b10100u, 0b10001u}) bits.Put(code, 5);
  bits.Put(std::bit_cast<uint64_t>(2.5), 64);
  for (unsigned code : {0b10001u, 0b10001u}) bits.Put(code, 5);
  EXPECT_EQ(Hex(builder.bytes()), Hex(bits.bytes()));
}

TEST(HistogramChunk, CustomBoundsReadBack) {
  IntHistogram h;
  h.schema = FloatHistogram::kCustomSchema;
  h.custom_values = {-7.5, 0, 0.001, 0.1, 1.0 / 3, 33554.43, 33554.431, 1e9};
  h.positive = {{0, 1}, {8, 3}};
  h.count = 4;
  ASSERT_TRUE(model::Validate(h));
  IntHistogramChunkBuilder builder;
  builder.Append(1, h);
  std::vector<TimedIntHistogram> samples;
  ASSERT_TRUE(DecodeIntHistogramChunk(builder.bytes(), kMin, kMax, &samples));
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_TRUE(samples[0].h.Equals(h));
}

TEST(HistogramChunk, ZeroThresholdsReadBack) {
  for (double threshold : {0.0, 1.0, 0x1p-243, 0x1p-244, 0x1p10, 0x1p11, 0.001, 1e300}) {
    FloatHistogram h;
    h.zero_threshold = threshold;
    FloatHistogramChunkBuilder builder;
    builder.Append(1, h);
    std::vector<TimedFloatHistogram> samples;
    ASSERT_TRUE(DecodeFloatHistogramChunk(builder.bytes(), kMin, kMax, &samples));
    EXPECT_EQ(samples[0].h.zero_threshold, threshold);
  }
}

TEST(HistogramChunk, WhatBeginsANewChunk) {
  IntHistogramChunkBuilder builder;
  builder.Append(0, Small(3, 3));
  auto expect = [&](const IntHistogram& h, bool fits, bool reset) {
    HistogramFit fit = builder.Fit(h);
    EXPECT_EQ(fit.fits, fits);
    EXPECT_EQ(fit.reset, reset);
  };
  expect(Small(3, 3), true, false);
  expect(Small(3, 2), false, true);
  expect(Small(9, 2), false, true);  // the count grew, a bucket did not
  IntHistogram h = Small(3, 3);
  h.positive.push_back({9, 0});
  expect(h, true, false);
  h = Small(0, 6);
  h.positive.erase(h.positive.begin());
  expect(h, false, true);  // a bucket that was in use is gone
  h = Small(3, 3);
  h.hint = ResetHint::kReset;
  expect(h, false, true);
  h.hint = ResetHint::kGauge;
  expect(h, false, false);
  h = Small(3, 3);
  h.schema = 2;
  expect(h, false, false);
  h = Small(3, 3);
  h.zero_threshold = 0.25;
  expect(h, false, false);
  h = Small(3, 3);
  h.zero_count = 0;
  expect(h, false, true);
  h.sum = model::StaleNan();
  expect(h, true, false);
  builder.Append(1, h);
  expect(Small(4, 4), false, false);  // only stale markers follow one
  expect(h, true, false);
}

TEST(HistogramChunk, HintsAreThoseOfTheChunk) {
  for (ResetHint hint : {ResetHint::kReset, ResetHint::kNotReset, ResetHint::kUnknown}) {
    IntHistogramChunkBuilder builder(hint);
    builder.Append(0, Small(3, 3));
    builder.Append(1, Small(4, 4));
    model::Columns columns;
    ASSERT_TRUE(DecodeHistogramColumns(true, builder.bytes(), kMin, kMax, &columns));
    // That nothing was lost since another chunk is not certain any more when it is read.
    ResetHint first = hint == ResetHint::kReset ? hint : ResetHint::kUnknown;
    EXPECT_EQ(columns.Histogram(0)->hint, first);
    EXPECT_EQ(columns.Histogram(1)->hint, ResetHint::kNotReset);
  }
}

// New buckets make the chunk be written anew; it is then as if they had been there all the time.
TEST(HistogramChunk, GrowsItsLayout) {
  IntHistogramChunkBuilder grown;
  grown.Append(0, Small(1, 2));
  grown.Append(10, Small(2, 2));
  IntHistogram more = Small(2, 3);
  more.positive = {{-4, 1}, {0, 2}, {1, 1}, {3, 3}};
  more.negative = {{2, 5}};
  more.count = 13;
  ASSERT_TRUE(grown.Fit(more).fits);
  grown.Append(20, more);

  auto wide = [](IntHistogram h) {
    h.positive = {{-4, 0}, h.positive[0], {1, 0}, h.positive[1]};
    h.negative = {{2, 0}};
    return h;
  };
  IntHistogramChunkBuilder whole;
  whole.Append(0, wide(Small(1, 2)));
  whole.Append(10, wide(Small(2, 2)));
  whole.Append(20, more);
  EXPECT_EQ(Hex(grown.bytes()), Hex(whole.bytes()));
}

struct Timed {
  int64_t t;
  HistogramWalk::Value value;
};

// Chunks as a series cuts them.
std::vector<ChunkCopy> Encode(const std::vector<Timed>& samples) {
  std::vector<ChunkCopy> chunks;
  std::optional<OpenHistogram> open;
  int64_t last = 0;
  auto close = [&] {
    if (!open) return;
    chunks.push_back({open->first_time(), last, std::string(open->bytes()), open->encoding()});
  };
  for (const Timed& sample : samples) {
    auto hint = ResetHint::kUnknown;
    if (!open || !open->Append(sample.t, View(sample.value), &hint)) {
      close();
      open.emplace(sample.t, View(sample.value), hint, 7'200'000);
    }
    last = sample.t;
  }
  close();
  return chunks;
}

std::vector<Timed> RandomSamples(uint64_t seed, bool mixed, bool integer) {
  std::mt19937_64 random(seed);
  HistogramWalk walk(seed, mixed, integer);
  std::vector<Timed> samples;
  int64_t t = seed % 3 == 0 ? -5'000'000 : 1'700'000'000'000;
  for (int i = 0; i < 400; ++i) {
    t += seed % 2 == 0 ? 15'000 : 1 + static_cast<int64_t>(random() % 60'000);
    samples.push_back({t, walk.Next()});
  }
  return samples;
}

TEST(HistogramChunk, RandomSeriesReadBack) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    std::vector<Timed> samples = RandomSamples(seed, seed % 3 == 2, seed % 3 == 0);
    model::Columns columns;
    for (const ChunkCopy& chunk : Encode(samples)) {
      EXPECT_LE(chunk.mint / 7'200'000, chunk.maxt / 7'200'000);
      EXPECT_EQ(*HistogramChunkFirstTime(chunk.bytes), chunk.mint);
      ASSERT_TRUE(DecodeChunk(chunk.view(), kMin, kMax, &columns));
    }
    ASSERT_EQ(columns.size(), samples.size());
    for (size_t i = 0; i < samples.size(); ++i) {
      ExpectSample(columns, i, samples[i].t, samples[i].value);
    }
  }
}

TEST(HistogramChunk, WindowsAndDeletionsCutChunks) {
  for (uint64_t seed = 40; seed < 46; ++seed) {
    std::vector<Timed> samples = RandomSamples(seed, seed % 2 == 0, true);
    std::vector<ChunkCopy> chunks = Encode(samples);
    std::vector<EncodedChunk> views;
    for (const ChunkCopy& chunk : chunks) views.push_back(chunk.view());
    int64_t from = samples[50].t;
    int64_t to = samples[350].t;
    TimeInterval deleted{samples[100].t, samples[130].t};
    auto written = RewriteChunks(views, from, to, {deleted});
    ASSERT_TRUE(written);
    model::Columns columns;
    for (const ChunkCopy& chunk : *written) {
      size_t before = columns.size();
      ASSERT_TRUE(DecodeChunk(chunk.view(), kMin, kMax, &columns));
      EXPECT_EQ(columns.t[before], chunk.mint);
      EXPECT_EQ(columns.t.back(), chunk.maxt);
    }
    size_t at = 0;
    for (size_t i = 50; i <= 350; ++i) {
      if (i >= 100 && i <= 130) continue;
      ExpectSample(columns, at++, samples[i].t, samples[i].value);
    }
    EXPECT_EQ(columns.size(), at);
  }
}

// Two halves that were written side by side, as out-of-order samples or two servers give them.
TEST(HistogramChunk, OverlappingChunksBecomeOneRow) {
  std::vector<Timed> samples = RandomSamples(4, false, true);
  std::vector<Timed> even;
  std::vector<Timed> odd;
  for (size_t i = 0; i < samples.size(); ++i) (i % 2 == 0 ? even : odd).push_back(samples[i]);
  std::vector<ChunkCopy> both = Encode(even);
  for (ChunkCopy& chunk : Encode(odd)) both.push_back(std::move(chunk));
  std::vector<EncodedChunk> views;
  for (const ChunkCopy& chunk : both) views.push_back(chunk.view());
  auto written = RewriteChunks(views, kMin, kMax, {});
  ASSERT_TRUE(written);
  model::Columns columns;
  int64_t end = kMin;
  for (const ChunkCopy& chunk : *written) {
    EXPECT_GT(chunk.mint, end);
    end = chunk.maxt;
    ASSERT_TRUE(DecodeChunk(chunk.view(), kMin, kMax, &columns));
  }
  ASSERT_EQ(columns.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    ExpectSample(columns, i, samples[i].t, samples[i].value);
  }
}

// A target of a resolution that is not known yet reads as the finest one that is.
TEST(HistogramChunk, ReservedSchemasAreMadeCoarser) {
  BitWriter bits;
  HistogramLayout layout;
  layout.schema = 9;
  layout.positive = {1, 2, 3};
  bits.Put(1, 16);
  bits.Put(0, 8);
  WriteLayout(layout, bits);
  bits.PutVarbitInt(5);
  IntHistogramState state(layout);
  IntHistogram h;
  h.count = 6;
  h.positive = {{1, 1}, {2, 2}, {3, 3}};
  state.Write(h, layout, true, bits);
  model::Columns columns;
  ASSERT_TRUE(DecodeHistogramColumns(true, bits.bytes(), kMin, kMax, &columns));
  std::vector<model::HistogramBucket> wanted = {{1, 3}, {2, 3}};
  EXPECT_EQ(columns.Histogram(0)->schema, 8);
  EXPECT_EQ(columns.Histogram(0)->positive, wanted);
}

TEST(HistogramChunk, CutBytesAreAnError) {
  std::vector<Timed> samples = RandomSamples(9, false, true);
  for (const ChunkCopy& chunk : Encode(samples)) {
    for (size_t size = 0; size < chunk.bytes.size(); size += 1 + chunk.bytes.size() / 7) {
      model::Columns columns;
      std::string_view cut = std::string_view(chunk.bytes).substr(0, size);
      EXPECT_FALSE(DecodeChunk({chunk.encoding, cut}, kMin, kMax, &columns));
      EXPECT_EQ(columns.size(), 0u);
    }
  }
  EXPECT_FALSE(DecodeChunk({9, "\0\0\0"}, kMin, kMax, nullptr));
}

}  // namespace
}  // namespace slurmscope::tsdb
