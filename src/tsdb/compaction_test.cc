#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/block.h"
#include "tsdb/compaction_plan.h"
#include "tsdb/grace.h"
#include "tsdb/test_support.h"
#include "tsdb/ulid.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::AppendStatus;
using model::Labels;
using model::Matcher;
using model::MatchType;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'700'006'400'000;  // on a border of 2 h

DbOptions Options(const std::string& path) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.reader_wait_ms = 200;
  options.wal_segment_bytes = 64 << 10;
  return options;
}

std::unique_ptr<Db> Open(DbOptions options) {
  auto db = Db::Open(std::move(options));
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

Labels Node(int i) {
  return Labels{{"__name__", "load"}, {"node", StrCat("n", i)}, {"rack", StrCat("r", i % 3)}};
}

// One sample of each series in [first, last) each minute of [from, to), into the model as well.
void Fill(Db& db, int64_t from, int64_t to, int first, int last, Dump* model) {
  for (int64_t t = from; t < to; t += 60'000) {
    auto appender = db.NewAppender();
    for (int i = first; i < last; ++i) {
      double v = static_cast<double>((t / 60'000 * 31 + i * 7) % 1009) / 8;
      ASSERT_EQ(appender->Append(0, Node(i), t, v).status, AppendStatus::kOk);
      (*model)[Node(i).ToString()].emplace_back(t, std::bit_cast<uint64_t>(v));
    }
    ASSERT_TRUE(appender->Commit());
  }
}

TEST(Compaction, MovesOldSamplesIntoBlocks) {
  TestDirectory directory;
  Dump model;
  {
    auto db = Open(Options(directory.path()));
    Fill(*db, kStart, kStart + 6 * kHour + kHour / 2, 0, 100, &model);
    uint64_t log_before = db->head_stats().wal_bytes;
    ASSERT_TRUE(db->Compact());
    StorageStats storage = db->storage_stats();
    EXPECT_EQ(storage.blocks, 2u);
    EXPECT_EQ(storage.compactions, 2u);
    EXPECT_EQ(storage.head_truncations, 2u);
    EXPECT_EQ(storage.checkpoints, 1u);
    EXPECT_EQ(storage.lowest_time, kStart);
    EXPECT_GT(storage.block_bytes, 1000u);
    HeadStats head = db->head_stats();
    EXPECT_EQ(head.min_time, kStart + 4 * kHour);
    EXPECT_LT(head.wal_bytes, log_before);
    EXPECT_EQ(DumpDb(*db), model);
    EXPECT_EQ(AppendOne(*db, Node(50), kStart + 4 * kHour - 1, 1), AppendStatus::kOutOfBounds);
    ASSERT_TRUE(db->Compact());
    EXPECT_EQ(db->storage_stats().compactions, 2u);
  }
  auto db = Open(Options(directory.path()));
  EXPECT_EQ(db->replay().corruption, "");
  EXPECT_EQ(db->replay().unknown_series_samples, 0u);
  EXPECT_EQ(db->head_stats().min_time, kStart + 4 * kHour);
  EXPECT_EQ(DumpDb(*db), model);
}

TEST(Compaction, SelectsAcrossHeadAndBlocks) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  Dump model;
  Fill(*db, kStart, kStart + 3 * kHour, 0, 10, &model);
  Fill(*db, kStart + 3 * kHour, kStart + 6 * kHour, 5, 15, &model);
  ASSERT_TRUE(db->Compact());
  ASSERT_EQ(db->storage_stats().blocks, 2u);
  Dump all = DumpDb(*db);
  EXPECT_EQ(all.size(), 15u);
  EXPECT_EQ(all, model);
  auto match = [&](MatchType type, std::string_view name, std::string_view value) {
    return *Matcher::Make(type, name, value);
  };
  std::vector<Matcher> tries = {
      match(MatchType::kEqual, "node", "n7"),         match(MatchType::kNotEqual, "node", "n7"),
      match(MatchType::kRegexp, "node", "n1|n2|n14"), match(MatchType::kNotRegexp, "node", "n1.*"),
      match(MatchType::kRegexp, "node", "n1.+"),      match(MatchType::kEqual, "none", ""),
      match(MatchType::kNotEqual, "none", ""),        match(MatchType::kRegexp, "none", "x?"),
      match(MatchType::kRegexp, "rack", ".*"),        match(MatchType::kEqual, "rack", "r1")};
  for (const Matcher& a : tries) {
    for (const Matcher& b : tries) {
      Dump expected;
      for (int i = 0; i < 15; ++i) {
        Labels labels = Node(i);
        if (a.Matches(labels.Get(a.name())) && b.Matches(labels.Get(b.name()))) {
          expected[labels.ToString()] = model[labels.ToString()];
        }
      }
      EXPECT_EQ(DumpDb(*db, {a, b}), expected) << a.ToString() << " " << b.ToString();
    }
  }
  auto querier = *db->NewQuerier(kMinTime, kMaxTime);
  EXPECT_EQ(*querier->LabelNames({}, 0), (std::vector<std::string>{"__name__", "node", "rack"}));
  EXPECT_EQ(querier->LabelValues("node", {}, 0)->size(), 15u);
  EXPECT_EQ(*querier->LabelValues("node", {tries[9]}, 2), (std::vector<std::string>{"n1", "n10"}));
  EXPECT_TRUE(querier->LabelValues("none", {}, 0)->empty());
  // A window inside of one block, and one across the border to the head.
  int64_t border = kStart + 4 * kHour;
  for (int64_t from : {kStart + kHour, border - 10 * 60'000}) {
    for (const auto& [name, samples] : DumpDb(*db, {}, from, from + 20 * 60'000)) {
      EXPECT_EQ(samples.size(), 21u) << name;
      EXPECT_EQ(samples.front().first, from);
    }
  }
}

TEST(Compaction, SeriesWithoutSamplesLeaveAndTheirPlacesAreUsedAgain) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  Dump model;
  Fill(*db, kStart, kStart + kHour, 0, 50, &model);
  auto stale = db->NewAppender()->Append(0, Node(49), kStart + kHour, 1).ref;
  Fill(*db, kStart + kHour, kStart + 4 * kHour, 0, 10, &model);
  ASSERT_TRUE(db->Compact());
  HeadStats head = db->head_stats();
  EXPECT_EQ(head.series, 10u);
  EXPECT_EQ(head.series_removed, 40u);
  EXPECT_EQ(head.label_pairs, 1u + 10 + 3);
  auto appender = db->NewAppender();
  EXPECT_EQ(appender->Append(stale, {}, kStart + 4 * kHour, 1).status,
            AppendStatus::kUnknownSeries);
  appender->Rollback();
  for (int64_t hour = 4; hour < 30; hour += 2) {
    int series = static_cast<int>(100 * hour);
    Fill(*db, kStart + hour * kHour, kStart + (hour + 2) * kHour, series, series + 40, &model);
    ASSERT_TRUE(db->Compact());
    EXPECT_EQ(db->NewAppender()->Append(stale, {}, kStart + (hour + 2) * kHour, 1).status,
              AppendStatus::kUnknownSeries);
  }
  EXPECT_LE(db->head_stats().series, 80u);
  EXPECT_LE(db->head_stats().label_pairs, 90u);
  EXPECT_EQ(DumpDb(*db), model);
  CardinalityStats top = db->cardinality(3);
  EXPECT_EQ(top.series_by_metric[0].count, db->head_stats().series);
  db.reset();
  EXPECT_EQ(DumpDb(*Open(Options(directory.path()))), model);
}

TEST(Compaction, AQueryKeepsWhatItSees) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  Dump model;
  Fill(*db, kStart, kStart + 4 * kHour, 0, 5, &model);
  auto querier = *db->NewQuerier(kMinTime, kMaxTime);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = kMaxTime;
  auto set = *querier->Select(true, hints, {});
  ASSERT_TRUE(db->Compact());  // gives up waiting
  EXPECT_EQ(db->head_stats().min_time, kStart);
  querier.reset();
  model::Columns columns;
  for (size_t i = 0; i < set->size(); ++i) {
    ASSERT_TRUE(set->Decode(i, kMinTime, kMaxTime, &columns));
    EXPECT_EQ(columns.size(), 240u);
  }
  set.reset();
  Fill(*db, kStart + 4 * kHour, kStart + 4 * kHour + 60'000, 0, 5, &model);
  ASSERT_TRUE(db->Compact());
  EXPECT_EQ(db->head_stats().min_time, kStart + 2 * kHour);
  EXPECT_EQ(DumpDb(*db), model);
}

TEST(Compaction, BlocksAreMergedAndOldOnesDeleted) {
  TestDirectory directory;
  DbOptions options = Options(directory.path());
  options.retention_ms = 24 * kHour;
  options.max_block_ms = 18 * kHour;
  auto db = Open(options);
  Dump model;
  for (int64_t hour = 0; hour < 60; hour += 2) {
    Fill(*db, kStart + hour * kHour, kStart + (hour + 2) * kHour, 0, 3, &model);
    ASSERT_TRUE(db->Compact());
  }
  StorageStats storage = db->storage_stats();
  EXPECT_GT(storage.compactions, 30u);
  EXPECT_EQ(storage.compactions_failed, 0u);
  EXPECT_GT(storage.time_retentions, 0u);
  EXPECT_LT(storage.blocks, 8u);
  EXPECT_GT(storage.lowest_time, kStart);
  int64_t lowest = storage.lowest_time;
  EXPECT_LE(lowest, kStart + 34 * kHour);
  for (auto& [name, samples] : model) {
    std::erase_if(samples, [&](const auto& sample) { return sample.first < lowest; });
  }
  EXPECT_EQ(DumpDb(*db), model);
}

TEST(Compaction, TheOldestBlocksGoWhenThereIsTooMuch) {
  TestDirectory directory;
  DbOptions options = Options(directory.path());
  options.retention_bytes = 60'000;
  auto db = Open(options);
  Dump model;
  Fill(*db, kStart, kStart + 40 * kHour, 0, 10, &model);
  ASSERT_TRUE(db->Compact());
  StorageStats storage = db->storage_stats();
  EXPECT_GT(storage.size_retentions, 0u);
  EXPECT_GT(storage.lowest_time, kStart);
  EXPECT_LE(storage.block_bytes, options.retention_bytes);
}

TEST(Compaction, ADamagedBlockIsLeftOutAndNamed) {
  TestDirectory directory;
  Dump model;
  {
    auto db = Open(Options(directory.path()));
    Fill(*db, kStart, kStart + 8 * kHour, 0, 3, &model);
    ASSERT_TRUE(db->Compact());
    ASSERT_EQ(db->storage_stats().blocks, 3u);
  }
  std::vector<std::string> blocks;
  auto names = *base::ListDirectory(directory.path());
  for (const std::string& name : names) {
    if (IsUlid(name)) blocks.push_back(name);
  }
  std::filesystem::resize_file(directory.path() + "/" + blocks[1] + "/index", 100);
  auto db = Open(Options(directory.path()));
  ASSERT_TRUE(db);
  StorageStats storage = db->storage_stats();
  EXPECT_EQ(storage.blocks, 2u);
  ASSERT_EQ(storage.unreadable.size(), 1u);
  EXPECT_EQ(storage.unreadable[0].ulid, blocks[1]);
  EXPECT_NE(storage.unreadable[0].problem.find("index"), std::string::npos);
  EXPECT_EQ(DumpDb(*db).begin()->second.size(), 6u * 60);
  EXPECT_TRUE(std::filesystem::exists(directory.path() + "/" + blocks[1]));
}

TEST(Compaction, SnapshotsOpenOnTheirOwn) {
  TestDirectory directory;
  auto db = Open(Options(directory.path() + "/data"));
  Dump model;
  Fill(*db, kStart, kStart + 5 * kHour, 0, 3, &model);
  ASSERT_TRUE(db->Compact());
  ASSERT_TRUE(db->Snapshot(directory.path() + "/all", true));
  ASSERT_TRUE(db->Snapshot(directory.path() + "/blocks", false));
  db.reset();
  EXPECT_EQ(DumpDb(*Open(Options(directory.path() + "/all"))), model);
  EXPECT_EQ(DumpDb(*Open(Options(directory.path() + "/blocks"))).begin()->second.size(), 120u);
}

// Microseconds that opening and compacting a copy of the directory of `options` takes, at least
// 1000.
int64_t MeasureCompaction(DbOptions options, const std::string& copy) {
  std::filesystem::copy(options.path, copy, std::filesystem::copy_options::recursive);
  options.path = copy;
  auto begin = std::chrono::steady_clock::now();
  auto db = Open(options);
  EXPECT_TRUE(db->Compact());
  auto took = std::chrono::steady_clock::now() - begin;
  return std::max<int64_t>(1000,
                           std::chrono::duration_cast<std::chrono::microseconds>(took).count());
}

TEST(Compaction, KilledAtAnyPointLosesNothing) {
  TestDirectory source;
  Dump model;
  {
    auto db = Open(Options(source.path()));
    Fill(*db, kStart, kStart + 12 * kHour, 0, 30, &model);
  }
  std::mt19937 random(3);
  int unfinished = 0;
  int64_t whole_us = 0;  // of an undisturbed run here: kills fall into it on any machine
  for (int round = 0; round < 25; ++round) {
    TestDirectory directory;
    std::filesystem::copy(source.path(), directory.path() + "/d",
                          std::filesystem::copy_options::recursive);
    DbOptions options = Options(directory.path() + "/d");
    options.max_block_ms = 54 * kHour;
    if (round == 0) whole_us = MeasureCompaction(options, directory.path() + "/measured");
    for (int kill = 0; kill < 3; ++kill) {
      pid_t child = ::fork();
      if (child == 0) {
        auto db = Db::Open(options);
        if (db) (void)(*db)->Compact();
        ::_exit(0);
      }
      ::usleep(static_cast<useconds_t>(random() % (whole_us * 3 / 4)));
      ::kill(child, SIGKILL);
      int status = 0;
      ::waitpid(child, &status, 0);
      unfinished += WIFSIGNALED(status) ? 1 : 0;
    }
    auto db = Open(options);
    ASSERT_TRUE(db);
    EXPECT_TRUE(db->storage_stats().unreadable.empty());
    ASSERT_EQ(DumpDb(*db), model) << "round " << round;
    ASSERT_TRUE(db->Compact());
    ASSERT_EQ(DumpDb(*db), model) << "round " << round;
  }
  EXPECT_GT(unfinished, 0) << "no kill fell into a compaction of " << whole_us << " us";
}

TEST(Compaction, RandomLivesAgreeWithAModel) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    TestDirectory directory;
    std::mt19937 random(seed);
    Dump model;
    int64_t now = kStart + static_cast<int64_t>(random() % (3 * kHour));
    int first = 0;
    auto db = Open(Options(directory.path()));
    for (int step = 0; step < 60; ++step) {
      int64_t end = now + static_cast<int64_t>(random() % kHour) + 60'000;
      now = (now + 59'999) / 60'000 * 60'000;
      Fill(*db, now, end, first, first + 1 + static_cast<int>(random() % 8), &model);
      now = end + (random() % 10 == 0 ? static_cast<int64_t>(random() % (5 * kHour)) : 0);
      if (random() % 3 == 0) first += static_cast<int>(random() % 5);
      if (random() % 3 == 0) {
        ASSERT_TRUE(db->Compact());
      }
      if (random() % 8 == 0) {
        db.reset();
        db = Open(Options(directory.path()));
        ASSERT_EQ(db->replay().corruption, "");
      }
      if (random() % 4 == 0) {
        ASSERT_EQ(DumpDb(*db), model) << "seed " << seed << " step " << step;
      }
    }
    ASSERT_EQ(DumpDb(*db), model) << "seed " << seed;
  }
}

TEST(Compaction, GoesOnBesideReadersAndWriters) {
  TestDirectory directory;
  DbOptions options = Options(directory.path());
  options.reader_wait_ms = 10'000;
  auto db = Open(options);
  std::atomic<bool> stop{false};
  std::atomic<int64_t> committed{kStart - 60'000};
  std::thread writer([&] {
    std::vector<uint64_t> refs(40);
    for (int64_t t = kStart; t < kStart + 20 * kHour; t += 60'000) {
      auto appender = db->NewAppender();
      // Series come and go.
      int generation = static_cast<int>((t - kStart) / (3 * kHour));
      for (size_t i = 0; i < refs.size(); ++i) {
        int id = i < 20 ? static_cast<int>(i) : generation * 100 + static_cast<int>(i);
        auto result = appender->Append(i < 20 ? refs[i] : 0, Node(id), t, static_cast<double>(t));
        EXPECT_EQ(result.status, AppendStatus::kOk);
        refs[i] = result.ref;
      }
      EXPECT_TRUE(appender->Commit());
      committed = t;
    }
    stop = true;
  });
  std::thread compactor([&] {
    while (!stop) EXPECT_TRUE(db->Compact());
  });
  std::thread reader([&] {
    while (!stop) {
      int64_t newest = committed;
      Dump dump =
          DumpDb(*db, {*Matcher::Make(MatchType::kRegexp, "node", "n1?[0-9]")}, kStart, newest);
      for (const auto& [name, samples] : dump) {
        EXPECT_EQ(samples.size(), static_cast<size_t>((newest - kStart) / 60'000 + 1)) << name;
      }
    }
  });
  writer.join();
  compactor.join();
  reader.join();
  ASSERT_TRUE(db->Compact());
  EXPECT_GE(db->storage_stats().compactions, 8u);
  EXPECT_LE(db->head_stats().series, 80u);
}

TEST(Grace, WaitsForThoseWhoWereThere) {
  Grace grace;
  int ran = 0;
  auto early = grace.Enter();
  grace.Defer([&] { ++ran; });
  auto late = grace.Enter();
  EXPECT_FALSE(grace.Run());
  early.Leave();
  EXPECT_TRUE(grace.Run());
  EXPECT_EQ(ran, 1);
  grace.Defer([&] { grace.Defer([&] { ++ran; }); });
  EXPECT_FALSE(grace.Drain(std::chrono::milliseconds(5), [] { return false; }));
  late.Leave();
  EXPECT_TRUE(grace.Drain(std::chrono::milliseconds(5), [] { return false; }));
  EXPECT_EQ(ran, 2);
}

BlockMeta Meta(std::string name, int64_t mint, int64_t maxt) {
  BlockMeta meta;
  meta.ulid = std::move(name);
  meta.min_time = mint;
  meta.max_time = maxt;
  return meta;
}

TEST(CompactionPlan, FollowsTheRanges) {
  std::vector<int64_t> ranges = {20, 60, 180};
  EXPECT_EQ(BlockRanges(20, 200), ranges);
  EXPECT_EQ(BlockRanges(20, 20), std::vector<int64_t>{20});
  EXPECT_EQ(BlockRanges(1, 1'000'000'000).size(), 10u);
  using Names = std::vector<std::string>;
  std::vector<BlockMeta> blocks = {Meta("a", 0, 20), Meta("b", 20, 40), Meta("c", 40, 60)};
  EXPECT_EQ(PlanCompaction({}, ranges), Names());
  // The newest is never taken.
  EXPECT_EQ(PlanCompaction(blocks, ranges), Names());
  blocks.push_back(Meta("d", 60, 80));
  EXPECT_EQ(PlanCompaction(blocks, ranges), (Names{"a", "b", "c"}));
  blocks[1].failed = true;
  EXPECT_EQ(PlanCompaction(blocks, ranges), Names());
  // A gap: the group ends before the newest that may be taken.
  EXPECT_EQ(
      PlanCompaction(
          {Meta("a", 0, 20), Meta("b", 20, 40), Meta("e", 100, 120), Meta("f", 120, 140)}, ranges),
      (Names{"a", "b"}));
  EXPECT_EQ(
      PlanCompaction(
          {Meta("a", 0, 60), Meta("b", 60, 120), Meta("c", 120, 180), Meta("d", 180, 200)}, ranges),
      (Names{"a", "b", "c"}));
  EXPECT_EQ(
      PlanCompaction({Meta("a", 0, 20), Meta("b", 10, 40), Meta("c", 30, 35), Meta("d", 40, 50)},
                     ranges),
      (Names{"a", "b", "c"}));
  std::vector<BlockMeta> deleted = {Meta("a", 0, 180), Meta("b", 180, 200)};
  deleted[0].stats.series = 10;
  deleted[0].stats.tombstones = 1;
  EXPECT_EQ(PlanCompaction(deleted, ranges), Names{"a"});
}

TEST(CompactionPlan, Retention) {
  std::vector<SizedBlock> blocks = {{"a", 100, 10}, {"b", 200, 10}, {"c", 300, 10}};
  EXPECT_TRUE(BeyondRetention(blocks, 100, {}).by_time.empty());
  EXPECT_EQ(BeyondRetention(blocks, 0, {200, 0}).by_time, std::vector<std::string>{"a"});
  EXPECT_TRUE(BeyondRetention(blocks, 0, {201, 0}).by_time.empty());
  EXPECT_EQ(BeyondRetention(blocks, 5, {0, 25}).by_size, std::vector<std::string>{"a"});
  EXPECT_EQ(BeyondRetention(blocks, 0, {100, 15}).by_size, std::vector<std::string>{});
}

}  // namespace
}  // namespace slurmscope::tsdb
