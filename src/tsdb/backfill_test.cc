#include "tsdb/backfill.h"

#include <gtest/gtest.h>

#include <random>

#include "base/strings.h"
#include "tsdb/read_only_db.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::Labels;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 472'222 * kHour;  // even: a block begins

Dump DumpOf(const std::string& path) {
  auto db = std::move(*ReadOnlyDb::Open(path, true));
  EXPECT_TRUE(db->unreadable().empty());
  return DumpDb(*db);
}

Dump Expected(const std::vector<std::pair<Labels, model::Sample>>& samples) {
  Dump dump;
  for (const auto& [labels, sample] : samples) {
    dump[labels.ToString()].emplace_back(sample.t, std::bit_cast<uint64_t>(sample.v));
  }
  for (auto& [labels, list] : dump) std::sort(list.begin(), list.end());
  return dump;
}

TEST(Backfill, AnyOrderGivesTheSameSamples) {
  std::vector<std::pair<Labels, model::Sample>> samples;
  for (int i = 0; i < 20; ++i) {
    Labels labels{{"__name__", "m"}, {"i", StrCat(i)}};
    for (int64_t t = kStart + i; t < kStart + 7 * kHour; t += 60'000) {
      samples.push_back({labels, {t, static_cast<double>((t / 1000) % (97 + i))}});
    }
  }
  Dump expected = Expected(samples);
  std::mt19937 random(3);
  for (bool shuffled : {false, true}) {
    TestDirectory directory;
    if (shuffled) std::shuffle(samples.begin(), samples.end(), random);
    Backfill backfill(2 * kHour);
    for (const auto& [labels, sample] : samples) {
      backfill.Append(backfill.AddSeries(labels), sample.t, sample.v);
    }
    EXPECT_EQ(backfill.series(), 20u);
    EXPECT_EQ(backfill.samples(), samples.size());
    std::vector<Backfill::Written> blocks;
    auto written = backfill.Write(directory.path() + "/new/data", 1,
                                  [&](const auto& block) { blocks.push_back(block); });
    ASSERT_TRUE(written) << written.error().message();
    ASSERT_EQ(blocks.size(), 4u);
    EXPECT_EQ(blocks[0].meta.min_time, kStart);
    EXPECT_EQ(blocks[0].meta.max_time, kStart + 2 * kHour - 60'000 + 19 + 1);
    EXPECT_EQ(blocks[3].total, 4u);
    EXPECT_LT(blocks[2].meta.ulid, blocks[3].meta.ulid);
    EXPECT_EQ(DumpOf(directory.path() + "/new/data"), expected);
  }
}

TEST(Backfill, EqualSamplesAreOneAndOthersAnError) {
  TestDirectory directory;
  Labels labels{{"__name__", "m"}};
  Backfill fine(2 * kHour);
  for (int64_t t : {kStart + 1, kStart + 2, kStart + 1, kStart + 2}) {
    fine.Append(fine.AddSeries(labels), t, 7);
  }
  ASSERT_TRUE(fine.Write(directory.path() + "/fine", 1, [](const auto&) {}));
  EXPECT_EQ(DumpOf(directory.path() + "/fine"),
            Expected({{labels, {kStart + 1, 7}}, {labels, {kStart + 2, 7}}}));

  Backfill bad(2 * kHour);
  bad.Append(bad.AddSeries(labels), kStart, 1);
  bad.Append(bad.AddSeries(labels), kStart, 2);
  auto written = bad.Write(directory.path() + "/bad", 1, [](const auto&) {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message(), StrCat("m has two values at ", kStart, " ms"));
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/bad"));
}

TEST(Backfill, TimesBefore1970HaveBlocksToo) {
  TestDirectory directory;
  Labels labels{{"__name__", "m"}};
  Backfill backfill(2 * kHour);
  backfill.Append(backfill.AddSeries(labels), -1, 1);
  backfill.Append(backfill.AddSeries(labels), 0, 2);
  size_t blocks = 0;
  ASSERT_TRUE(backfill.Write(directory.path(), 1, [&](const auto&) { ++blocks; }));
  EXPECT_EQ(blocks, 2u);
  EXPECT_EQ(DumpOf(directory.path()), Expected({{labels, {-1, 1}}, {labels, {0, 2}}}));
}

TEST(Backfill, TooManyBlocksAreRefused) {
  TestDirectory directory;
  Backfill backfill(2 * kHour);
  auto series = backfill.AddSeries({{"__name__", "m"}});
  for (size_t i = 0; i <= Backfill::kMaxBlocks; ++i) {
    backfill.Append(series, static_cast<int64_t>(i) * 2 * kHour, 1);
  }
  auto written = backfill.Write(directory.path() + "/data", 1, [](const auto&) {});
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message().find("20001 blocks of 2 h"), std::string::npos)
      << written.error().message();
}

TEST(Backfill, WidthsAreThoseOfCompaction) {
  EXPECT_EQ(BackfillBlockWidth(0), 2 * kHour);
  EXPECT_EQ(BackfillBlockWidth(5 * kHour), 2 * kHour);
  EXPECT_EQ(BackfillBlockWidth(6 * kHour), 6 * kHour);
  EXPECT_EQ(BackfillBlockWidth(24 * kHour), 18 * kHour);
}

}  // namespace
}  // namespace slurmscope::tsdb
