#include <gtest/gtest.h>

#include <random>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/block.h"
#include "tsdb/test_support.h"
#include "tsdb/tombstones.h"
#include "tsdb/ulid.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::AppendStatus;
using model::Labels;
using model::Matcher;
using model::MatchType;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kMinute = 60'000;
constexpr int64_t kStart = 1'700'006'400'000;  // on a border of 2 h

DbOptions Options(const std::string& path) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.wal_segment_bytes = 64 << 10;
  return options;
}

std::unique_ptr<Db> Open(const std::string& path) {
  auto db = Db::Open(Options(path));
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

Labels Node(int i) { return Labels{{"__name__", "load"}, {"node", StrCat("n", i)}}; }
Matcher NodeIs(std::string_view regexp) {
  return *Matcher::Make(MatchType::kRegexp, "node", regexp);
}

void Fill(Db& db, int64_t from, int64_t to, int series, Dump* model) {
  for (int64_t t = from; t < to; t += kMinute) {
    auto appender = db.NewAppender();
    for (int i = 0; i < series; ++i) {
      double v = static_cast<double>((t / kMinute * 31 + i * 7) % 1009) / 8;
      ASSERT_EQ(appender->Append(0, Node(i), t, v).status, AppendStatus::kOk);
      (*model)[Node(i).ToString()].emplace_back(t, std::bit_cast<uint64_t>(v));
    }
    ASSERT_TRUE(appender->Commit());
  }
}

// The samples that are left, of series that have any.
Dump Samples(Db& db) {
  Dump dump = DumpDb(db);
  std::erase_if(dump, [](const auto& entry) { return entry.second.empty(); });
  return dump;
}

void Forget(Dump* model, int first, int last, int64_t mint, int64_t maxt) {
  for (int i = first; i < last; ++i) {
    auto it = model->find(Node(i).ToString());
    if (it == model->end()) continue;
    std::erase_if(it->second,
                  [&](const auto& sample) { return sample.first >= mint && sample.first <= maxt; });
    if (it->second.empty()) model->erase(it);
  }
}

TEST(Tombstones, IntervalsAreKeptApartAndSorted) {
  Intervals intervals;
  for (TimeInterval added : {TimeInterval{10, 20}, {30, 40}, {22, 28}, {50, 49}, {60, 60}}) {
    AddInterval(added, &intervals);
  }
  EXPECT_EQ(intervals, (Intervals{{10, 20}, {22, 28}, {30, 40}, {60, 60}}));
  AddInterval({21, 21}, &intervals);
  AddInterval({29, 35}, &intervals);
  EXPECT_EQ(intervals, (Intervals{{10, 40}, {60, 60}}));
  EXPECT_TRUE(Covers(intervals, 10, 40));
  EXPECT_FALSE(Covers(intervals, 10, 41));
  EXPECT_FALSE(Covers(intervals, 45, 50));
  EXPECT_TRUE(Touches(intervals, 40, 50));
  EXPECT_FALSE(Touches(intervals, 41, 59));
  AddInterval({kMinTime, kMaxTime}, &intervals);
  EXPECT_EQ(intervals, (Intervals{{kMinTime, kMaxTime}}));
}

TEST(Tombstones, RandomIntervalsAgreeWithASet) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    Intervals intervals;
    std::vector<bool> gone(100);
    for (int i = 0; i < 12; ++i) {
      auto from = static_cast<int64_t>(random() % 100);
      int64_t to = std::min<int64_t>(99, from + static_cast<int64_t>(random() % 12));
      AddInterval({from, to}, &intervals);
      for (int64_t t = from; t <= to; ++t) gone[static_cast<size_t>(t)] = true;
    }
    for (size_t i = 1; i < intervals.size(); ++i) {
      ASSERT_GT(intervals[i].mint, intervals[i - 1].maxt + 1);
    }
    model::Columns columns;
    model::Columns expected;
    for (int64_t t = 0; t < 100; ++t) {
      columns.Append(t, static_cast<double>(t));
      if (!gone[static_cast<size_t>(t)]) expected.Append(t, static_cast<double>(t));
    }
    RemoveIntervals(intervals, &columns);
    ASSERT_EQ(columns.t, expected.t);
    ASSERT_EQ(columns.v, expected.v);
  }
}

TEST(Tombstones, FilesReadBack) {
  Tombstones tombstones{{7, {{-5, 5}, {10, 20}}}, {3, {{kMinTime, kMaxTime}}}};
  std::string bytes = WriteTombstones(tombstones);
  EXPECT_EQ(*ParseTombstones(bytes), tombstones);
  bytes[6] = static_cast<char>(bytes[6] ^ 1);
  EXPECT_FALSE(ParseTombstones(bytes));
}

TEST(Deletion, TakesSamplesOutOfTheHeadAndStaysAfterARestart) {
  TestDirectory directory;
  Dump model;
  auto db = Open(directory.path());
  Fill(*db, kStart, kStart + kHour, 10, &model);
  ASSERT_TRUE(db->Delete(kStart + 5 * kMinute, kStart + 20 * kMinute, {NodeIs("n[0-4]")}));
  Forget(&model, 0, 5, kStart + 5 * kMinute, kStart + 20 * kMinute);
  EXPECT_EQ(Samples(*db), model);
  ASSERT_TRUE(db->Delete(kMinTime, kMaxTime, {NodeIs("n9")}));
  Forget(&model, 9, 10, kMinTime, kMaxTime);
  EXPECT_EQ(Samples(*db), model);
  ASSERT_TRUE(db->Delete(kMinTime, kMaxTime, {NodeIs("nobody")}));
  // What comes later is not deleted.
  Fill(*db, kStart + kHour, kStart + kHour + 30 * kMinute, 10, &model);
  EXPECT_EQ(Samples(*db), model);
  db.reset();
  db = Open(directory.path());
  EXPECT_EQ(db->replay().skipped_records[3], 0u);
  EXPECT_EQ(Samples(*db), model);
  // Compaction leaves them out for good.
  Fill(*db, kStart + kHour + 30 * kMinute, kStart + 4 * kHour, 10, &model);
  ASSERT_TRUE(db->Compact());
  ASSERT_EQ(db->storage_stats().blocks, 1u);
  EXPECT_EQ(Samples(*db), model);
  db.reset();
  db = Open(directory.path());
  EXPECT_EQ(Samples(*db), model);
}

TEST(Deletion, TakesSamplesOutOfBlocks) {
  TestDirectory directory;
  Dump model;
  auto db = Open(directory.path());
  Fill(*db, kStart, kStart + 7 * kHour, 10, &model);
  ASSERT_TRUE(db->Compact());
  ASSERT_EQ(db->storage_stats().blocks, 2u);
  // Across both blocks and the head; all of a series; twice with overlap.
  for (auto [from, to] : {std::pair(kHour, 6 * kHour), std::pair(3 * kHour, 6 * kHour + kMinute)}) {
    ASSERT_TRUE(db->Delete(kStart + from, kStart + to, {NodeIs("n[2-5]")}));
    Forget(&model, 2, 6, kStart + from, kStart + to);
  }
  ASSERT_TRUE(db->Delete(kMinTime, kMaxTime, {NodeIs("n8")}));
  Forget(&model, 8, 9, kMinTime, kMaxTime);
  EXPECT_EQ(Samples(*db), model);
  db.reset();
  db = Open(directory.path());
  EXPECT_EQ(Samples(*db), model);
  // A series of which nothing is left in a block is not named by it.
  model::SelectHints hints;
  hints.start = kStart;
  hints.end = kStart + 3 * kHour;
  auto querier = *db->NewQuerier(hints.start, hints.end);
  EXPECT_EQ((*querier->Select(false, hints, {}))->size(), 9u);
  querier.reset();
  uint64_t before = db->storage_stats().block_bytes;
  ASSERT_TRUE(db->CleanTombstones());
  EXPECT_LT(db->storage_stats().block_bytes, before * 9 / 10);
  EXPECT_EQ(Samples(*db), model);
  auto names = *base::ListDirectory(directory.path());
  for (const std::string& name : names) {
    if (!IsUlid(name)) continue;
    auto block = *Block::Open(StrCat(directory.path(), "/", name));
    EXPECT_TRUE(block->tombstones().empty());
    EXPECT_EQ(block->meta().stats.tombstones, 0u);
    EXPECT_EQ(block->meta().stats.series, block->meta().min_time == kStart ? 9u : 5u);
  }
  // All of a block: it goes.
  ASSERT_TRUE(db->Delete(kStart, kStart + 2 * kHour - 1, {NodeIs(".*")}));
  Forget(&model, 0, 10, kStart, kStart + 2 * kHour - 1);
  ASSERT_TRUE(db->CleanTombstones());
  EXPECT_EQ(db->storage_stats().blocks, 1u);
  EXPECT_EQ(Samples(*db), model);
}

TEST(Deletion, RandomLivesAgreeWithAModel) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    TestDirectory directory;
    std::mt19937 random(seed);
    Dump model;
    auto db = Open(directory.path());
    int64_t now = kStart;
    for (int step = 0; step < 50; ++step) {
      int64_t end = now + static_cast<int64_t>(1 + random() % 40) * kMinute;
      Fill(*db, now, end, 6, &model);
      now = end;
      if (random() % 2 == 0) {
        int first = static_cast<int>(random() % 6);
        int64_t from = now - static_cast<int64_t>(random() % 300) * kMinute;
        int64_t to = from + static_cast<int64_t>(random() % 90) * kMinute;
        ASSERT_TRUE(db->Delete(from, to, {NodeIs(StrCat("n[", first, "-9]"))}));
        Forget(&model, first, 6, from, to);
      }
      base::Result<void> done;
      if (random() % 4 == 0) done = db->Compact();
      ASSERT_TRUE(done);
      if (random() % 8 == 0) done = db->CleanTombstones();
      ASSERT_TRUE(done);
      if (random() % 6 == 0) {
        db.reset();
        db = Open(directory.path());
      }
      ASSERT_EQ(Samples(*db), model) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace slurmscope::tsdb
