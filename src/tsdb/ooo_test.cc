// Samples out of order: what is taken, and that queries, restarts and blocks agree on it.
#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "base/strings.h"
#include "tsdb/compaction_plan.h"
#include "tsdb/test_support.h"
#include "tsdb/verify.h"
#include "tsdb/wal.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::AppendStatus;
using model::Labels;
using model::Matcher;

constexpr int64_t kMinute = 60'000;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kStart = 1'700'006'400'000;  // on a border of 2 h

DbOptions Options(const std::string& path, int64_t window = 100 * kHour) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.wal_segment_bytes = 64 << 10;
  options.ooo_window_ms = window;
  return options;
}

std::unique_ptr<Db> Open(const DbOptions& options) {
  auto db = Db::Open(options);
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

Labels Node(int i) { return Labels{{"__name__", "load"}, {"node", StrCat("n", i)}}; }
std::string NameOf(int i) { return Node(i).ToString(); }

model::IntHistogram SomeHistogram(int n) {
  model::IntHistogram h;
  h.zero_count = static_cast<uint64_t>(n);
  h.positive = {{1, 2 * n}, {n % 5 + 2, 7}};
  h.count = static_cast<uint64_t>(3 * n + 7);
  h.sum = n;
  return h;
}

// The samples as the chunks have them.
Dump DumpChunks(Db& db) {
  Dump dump;
  auto querier = *db.NewQuerier(kMinTime, kMaxTime);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = kMaxTime;
  auto set = *querier->Select(true, hints, {});
  for (size_t i = 0; i < set->size(); ++i) {
    std::vector<model::RawChunk> chunks;
    EXPECT_TRUE(set->Chunks(i, kMinTime, kMaxTime, &chunks));
    auto& samples = dump[set->LabelsAt(i).ToString()];
    for (const model::RawChunk& chunk : chunks) {
      model::Columns columns;
      EXPECT_TRUE(DecodeXorChunk(chunk.bytes, kMinTime, kMaxTime, &columns));
      EXPECT_EQ(columns.t.front(), chunk.mint);
      EXPECT_EQ(columns.t.back(), chunk.maxt);
      EXPECT_TRUE(samples.empty() || samples.back().first < chunk.mint);
      for (size_t k = 0; k < columns.size(); ++k) {
        samples.emplace_back(columns.t[k], std::bit_cast<uint64_t>(columns.v[k]));
      }
    }
  }
  return dump;
}

using Expected = std::map<std::string, std::map<int64_t, uint64_t>>;
Dump AsDump(const Expected& expected) {
  Dump dump;
  for (const auto& [name, samples] : expected) {
    dump[name].assign(samples.begin(), samples.end());
  }
  return dump;
}

// Not the dumps themselves: they are long.
void ExpectSame(const Dump& expected, const Dump& found) {
  EXPECT_EQ(expected.size(), found.size());
  for (const auto& [name, samples] : expected) {
    auto it = found.find(name);
    ASSERT_NE(it, found.end()) << name;
    EXPECT_EQ(samples.size(), it->second.size()) << name;
    auto [a, b] =
        std::mismatch(samples.begin(), samples.end(), it->second.begin(), it->second.end());
    if (a == samples.end() && b == it->second.end()) continue;
    ADD_FAILURE() << name << " differs at " << (a == samples.end() ? b->first : a->first) - kStart;
  }
}

void ExpectNewest(Db& db, const Dump& expected, int64_t maxt) {
  auto querier = *db.NewQuerier(kMinTime, maxt);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = maxt;
  auto set = *querier->Select(true, hints, {});
  for (size_t i = 0; i < set->size(); ++i) {
    const auto& samples = expected.at(set->LabelsAt(i).ToString());
    auto after = std::upper_bound(samples.begin(), samples.end(), std::pair(maxt, ~uint64_t{0}));
    model::Columns newest;
    EXPECT_TRUE(set->DecodeNewest(i, kMinTime, maxt, &newest));
    ASSERT_EQ(newest.size(), after == samples.begin() ? 0u : 1u);
    if (after == samples.begin()) continue;
    EXPECT_EQ(newest.t[0], std::prev(after)->first);
    EXPECT_EQ(std::bit_cast<uint64_t>(newest.v[0]), std::prev(after)->second);
  }
}

TEST(OutOfOrder, WhatIsTaken) {
  TestDirectory directory;
  auto db = Open(Options(directory.path(), 0));
  auto put = [&](int i, int64_t minute, double v) {
    return AppendOne(*db, Node(i), kStart + minute * kMinute, v);
  };
  EXPECT_EQ(put(0, 600, 1), AppendStatus::kOk);
  EXPECT_EQ(put(0, 599, 1), AppendStatus::kOutOfOrder);
  EXPECT_EQ(put(0, 539, 1), AppendStatus::kOutOfBounds);
  EXPECT_EQ(put(1, 540, 1), AppendStatus::kOk);  // a new series, within an hour
  db->SetOooWindow(2 * kHour);
  EXPECT_EQ(put(0, 600, 1), AppendStatus::kOk);
  EXPECT_EQ(put(0, 600, 2), AppendStatus::kDuplicate);
  EXPECT_EQ(put(0, 599, 3), AppendStatus::kOk);
  EXPECT_EQ(put(0, 599, 4), AppendStatus::kOk);  // accepted and left out, as in Prometheus
  EXPECT_EQ(put(0, 480, 5), AppendStatus::kOk);
  EXPECT_EQ(put(0, 479, 5), AppendStatus::kTooOld);
  EXPECT_EQ(put(2, 500, 6), AppendStatus::kOk);  // a new series, not in order any more
  EXPECT_EQ(put(2, 500, 6), AppendStatus::kOk);
  EXPECT_EQ(put(1, 540, 7), AppendStatus::kDuplicate);
  HeadStats stats = db->head_stats();
  EXPECT_EQ(stats.out_of_order, 1u);
  EXPECT_EQ(stats.out_of_bounds, 1u);
  EXPECT_EQ(stats.duplicates, 2u);
  EXPECT_EQ(stats.too_old, 1u);
  EXPECT_EQ(stats.ooo_samples, 3u);
  EXPECT_EQ(stats.samples_appended, 5u);
  EXPECT_EQ(stats.max_time, kStart + 600 * kMinute);
  EXPECT_EQ(stats.min_time, kStart + 540 * kMinute);
  EXPECT_GT(stats.wbl_bytes, 0u);
  Dump dump = DumpDb(*db);
  auto sample = [](int64_t minute, double v) {
    return std::pair(kStart + minute * kMinute, std::bit_cast<uint64_t>(v));
  };
  EXPECT_EQ(dump[NameOf(0)], (Dump::mapped_type{sample(480, 5), sample(599, 3), sample(600, 1)}));
  EXPECT_EQ(dump[NameOf(2)], (Dump::mapped_type{sample(500, 6)}));
  db->SetOooWindow(0);
  EXPECT_EQ(put(0, 599, 1), AppendStatus::kOutOfOrder);
  db.reset();
  db = Open(Options(directory.path(), 0));  // what was taken stays
  EXPECT_EQ(DumpDb(*db), dump);
  EXPECT_EQ(db->replay().ooo_samples, 3u);
  EXPECT_EQ(db->head_stats().ooo_samples, 0u);
}

TEST(OutOfOrder, NothingIsMadeWithoutThem) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  AppendOne(*db, Node(0), kStart, 1);
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/wbl"));
}

TEST(OutOfOrder, OneBatch) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  auto appender = db->NewAppender();
  Expected expected;
  for (int64_t minute : {50, 20, 60, 10, 55, 61, 40}) {
    int64_t t = kStart + minute * kMinute;
    EXPECT_EQ(appender->Append(0, Node(0), t, 1.0).status, AppendStatus::kOk);
    expected[NameOf(0)][t] = std::bit_cast<uint64_t>(1.0);
  }
  EXPECT_TRUE(DumpDb(*db).empty());
  ASSERT_TRUE(appender->Commit());
  ExpectSame(AsDump(expected), DumpDb(*db));
  EXPECT_EQ(db->head_stats().ooo_samples, 4u);
  appender->Append(0, Node(0), kStart, 1);
  appender->Rollback();
  ExpectSame(AsDump(expected), DumpDb(*db));
}

// Random arrival, with restarts and blocks in between, against a plain map.
TEST(OutOfOrder, RandomArrival) {
  for (unsigned seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE(seed);
    TestDirectory directory;
    auto db = Open(Options(directory.path(), 6 * kHour));
    std::mt19937_64 random(seed);
    Expected expected;
    int64_t now = kStart;
    uint64_t vertical = 0;
    uint64_t truncations = 0;
    auto check = [&] {
      Dump dump = AsDump(expected);
      ExpectSame(dump, DumpDb(*db));
      ExpectSame(dump, DumpChunks(*db));
      ExpectNewest(*db, dump, kMaxTime);
      ExpectNewest(*db, dump, now - 2 * kHour);
    };
    for (int round = 0; round < 900; ++round) {
      now += kMinute;
      auto appender = db->NewAppender();
      for (int i = 0; i < 6; ++i) {
        bool late = random() % 4 == 0;
        // Series 5 is only late.
        if (i == 5 && round == 0) continue;
        if (i == 5) late = true;
        int64_t t = late ? now - static_cast<int64_t>(random() % (5 * kHour)) : now + i;
        double v = static_cast<double>(random() % 1000) / 8;
        if (random() % 50 == 0) v = model::StaleNan();
        if (t < kStart || expected[NameOf(i)].count(t)) continue;
        ASSERT_EQ(appender->Append(0, Node(i), t, v).status, AppendStatus::kOk);
        expected[NameOf(i)][t] = std::bit_cast<uint64_t>(v);
      }
      ASSERT_TRUE(appender->Commit());
      if (round % 100 == 50) {
        check();
        db.reset();
        db = Open(Options(directory.path(), 6 * kHour));
        EXPECT_EQ(db->replay().corruption, "");
        EXPECT_EQ(db->replay().unknown_series_samples, 0u);
        check();
      }
      if (round % 130 == 129) {
        ASSERT_TRUE(db->Compact());
        StorageStats stats = db->storage_stats();
        vertical += stats.vertical_compactions;
        truncations += stats.wbl_truncations;
        EXPECT_EQ(stats.compactions_failed, 0u);
        check();
      }
    }
    check();
    EXPECT_GT(vertical, 0u);
    EXPECT_GT(truncations, 0u);
    auto report = VerifyData(directory.path(), [](uint64_t, uint64_t) {});
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->faults.empty()) << report->faults[0].file << report->faults[0].text;
    for (const VerifyFinding& note : report->notes) ADD_FAILURE() << note.file << note.text;
  }
}

// The later one counts, in memory, after a restart and in blocks; but for a time that the newest
// chunk has.
TEST(OutOfOrder, SameTimeTwice) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  Expected expected;
  auto put = [&](int64_t t, double v, bool counts = true) {
    ASSERT_EQ(AppendOne(*db, Node(0), t, v), AppendStatus::kOk);
    if (counts) expected[NameOf(0)][t] = std::bit_cast<uint64_t>(v);
  };
  auto check = [&] {
    ExpectSame(AsDump(expected), DumpDb(*db));
    ExpectSame(AsDump(expected), DumpChunks(*db));
  };
  for (int i = 0; i < 200; ++i) put(kStart + i * kMinute, i);
  put(kStart + 50 * kMinute, -1);
  put(kStart + 50 * kMinute, -2, false);
  for (int i = 0; i < 32; ++i) put(kStart + i * kMinute + 1, i);
  put(kStart + 50 * kMinute, -3);  // in a chunk of its own by now
  check();
  db.reset();
  db = Open(Options(directory.path()));
  check();
  ASSERT_TRUE(db->Compact());
  EXPECT_EQ(db->storage_stats().vertical_compactions, 1u);
  check();
  put(kStart + 50 * kMinute, -4);
  put(kStart + 20 * kMinute, -5);
  check();
  for (int i = 200; i < 350; ++i) put(kStart + i * kMinute, i);
  ASSERT_TRUE(db->Compact());
  check();
  EXPECT_EQ(db->storage_stats().vertical_compactions, 2u);
  db.reset();
  db = Open(Options(directory.path()));
  check();
}

// A block out of order may lie in time that the head still has in order.
TEST(OutOfOrder, BlocksBeyondThoseInOrder) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  Expected expected;
  for (int i = 0; i < 200; ++i) {
    int64_t t = kStart + i * kMinute;
    AppendOne(*db, Node(0), t, i);
    expected[NameOf(0)][t] = std::bit_cast<uint64_t>(double(i));
  }
  AppendOne(*db, Node(0), kStart + 190 * kMinute + 7, 0.5);  // in the range that stays in memory
  expected[NameOf(0)][kStart + 190 * kMinute + 7] = std::bit_cast<uint64_t>(0.5);
  ASSERT_TRUE(db->Compact());
  EXPECT_EQ(db->storage_stats().blocks, 2u);
  EXPECT_EQ(db->head_stats().wbl_bytes, 0u);
  ExpectSame(AsDump(expected), DumpDb(*db));
  db.reset();
  db = Open(Options(directory.path()));
  ExpectSame(AsDump(expected), DumpDb(*db));
  EXPECT_EQ(AppendOne(*db, Node(1), kStart + 150 * kMinute, 1), AppendStatus::kOk);
}

TEST(OutOfOrder, PlanLeavesEarlyBlocksAlone) {
  auto block = [](const std::string& name, int64_t mint, int64_t maxt, bool late) {
    BlockMeta meta;
    meta.ulid = name;
    meta.min_time = mint;
    meta.max_time = maxt;
    if (late) meta.hints.emplace_back(kOutOfOrderHint);
    return meta;
  };
  using Names = std::vector<std::string>;
  std::vector<BlockMeta> blocks = {block("a", 0, 2, false), block("b", 2, 4, false),
                                   block("c", 4, 6, true), block("d", 4, 6, true)};
  EXPECT_EQ(PlanCompaction(blocks, {2, 6, 18}), Names());
  blocks.push_back(block("e", 4, 6, false));
  EXPECT_EQ(PlanCompaction(blocks, {2, 6, 18}), (Names{"c", "d", "e"}));
  blocks = {block("a", 0, 2, false), block("l", 0, 2, true), block("b", 2, 4, false)};
  EXPECT_EQ(PlanCompaction(blocks, {2, 6, 18}), (Names{"a", "l"}));
}

TEST(OutOfOrder, SeriesStaysWhileItHasSome) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  for (int i = 0; i < 100; ++i) AppendOne(*db, Node(0), kStart + i * kMinute, i);
  AppendOne(*db, Node(7), kStart, 1);
  for (int i = 100; i < 220; ++i) AppendOne(*db, Node(0), kStart + i * kMinute, i);
  AppendOne(*db, Node(7), kStart + kMinute, 2);  // too late for the order by now
  AppendOne(*db, Node(8), kStart + kMinute, 3);
  Dump before = DumpDb(*db);
  EXPECT_EQ(before[NameOf(7)].size(), 2u);
  ASSERT_TRUE(db->Compact());
  EXPECT_EQ(DumpDb(*db), before);
  // Both are in blocks now, the log of them is empty, and the next block sends them away.
  EXPECT_EQ(db->head_stats().wbl_bytes, 0u);
  for (int i = 220; i < 340; ++i) AppendOne(*db, Node(0), kStart + i * kMinute, i);
  ASSERT_TRUE(db->Compact());
  EXPECT_EQ(db->head_stats().series, 1u);
  EXPECT_EQ(DumpDb(*db)[NameOf(7)], before[NameOf(7)]);
  EXPECT_EQ(DumpDb(*db)[NameOf(8)], before[NameOf(8)]);
  // They come back late, with a ref of their own.
  AppendOne(*db, Node(8), kStart + 2 * kMinute, 4);
  before = DumpDb(*db);
  db.reset();
  db = Open(Options(directory.path()));
  EXPECT_EQ(DumpDb(*db), before);
  EXPECT_EQ(db->replay().unknown_series_samples, 0u);
}

TEST(OutOfOrder, DeletedSamplesStayDeleted) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  for (int i = 0; i < 100; ++i) AppendOne(*db, Node(0), kStart + i * kMinute, i);
  for (int i = 0; i < 80; ++i) {
    AppendOne(*db, Node(0), kStart + i * kMinute + 1, i);
    AppendOne(*db, Node(1), kStart + i * kMinute + 1, i);  // in order until it turns back
  }
  for (int i = 0; i < 80; ++i) AppendOne(*db, Node(1), kStart + i * kMinute + 2, i);
  ASSERT_TRUE(
      db->Delete(kStart + 10 * kMinute, kStart + 50 * kMinute, {Matcher::Equal("node", "n0")}));
  ASSERT_TRUE(db->Delete(kMinTime, kMaxTime, {Matcher::Equal("node", "n1")}));
  Dump dump = DumpDb(*db);
  EXPECT_TRUE(dump[NameOf(1)].empty());
  EXPECT_EQ(dump[NameOf(0)].size(), 180u - 41 - 40);
  // What comes afterwards counts.
  AppendOne(*db, Node(0), kStart + 20 * kMinute + 1, 9);
  AppendOne(*db, Node(1), kStart + 20 * kMinute + 1, 9);
  dump = DumpDb(*db);
  EXPECT_EQ(dump[NameOf(0)].size(), 180u - 41 - 40 + 1);
  EXPECT_EQ(dump[NameOf(1)].size(), 1u);
  db.reset();
  db = Open(Options(directory.path()));
  ExpectSame(dump, DumpDb(*db));
  for (int i = 100; i < 200; ++i) AppendOne(*db, Node(2), kStart + i * kMinute, i);
  dump = DumpDb(*db);
  ASSERT_TRUE(db->Compact());
  ExpectSame(dump, DumpDb(*db));
  // From blocks too, and what comes to them later counts again.
  ASSERT_TRUE(db->Delete(kStart, kStart + kHour, {Matcher::Equal("node", "n0")}));
  AppendOne(*db, Node(0), kStart + 20 * kMinute, 11);
  dump = DumpDb(*db);
  EXPECT_EQ(dump[NameOf(0)].front().first, kStart + 20 * kMinute);
  for (int i = 200; i < 320; ++i) AppendOne(*db, Node(2), kStart + i * kMinute, i);
  ASSERT_TRUE(db->Compact());
  Dump after = DumpDb(*db);
  EXPECT_EQ(after[NameOf(0)], dump[NameOf(0)]);
}

// Writers of a series each, blocks written as fast as can be, and readers: who reads finds all that
// was acknowledged before.
TEST(OutOfOrder, WhileBlocksAreWritten) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  constexpr int kWriters = 2;
  constexpr int kBatches = 500;
  std::array<std::atomic<size_t>, kWriters> written{};
  std::atomic<int> running = kWriters;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      for (int batch = 0; batch < kBatches; ++batch) {
        int64_t t = kStart + batch * kMinute;
        auto appender = db->NewAppender();
        appender->Append(0, Node(i), t, batch);
        appender->Append(0, Node(i), t - (batch % 7 + 1) * 37 * kMinute - 1, batch);
        EXPECT_TRUE(appender->Commit());
        written[static_cast<size_t>(i)] += 2;
        if (batch % 10 == 9) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      --running;
    });
  }
  threads.emplace_back([&] {
    while (running > 0) EXPECT_TRUE(db->Compact());
  });
  size_t reads = 0;
  for (; running > 0; ++reads) {
    size_t least[kWriters];
    for (size_t i = 0; i < kWriters; ++i) least[i] = written[i];
    Dump dump = DumpDb(*db);
    for (size_t i = 0; i < kWriters; ++i) {
      EXPECT_GE(dump[NameOf(static_cast<int>(i))].size(), least[i]);
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(reads, 0u);
  EXPECT_GT(db->storage_stats().wbl_truncations, 0u);
  Dump dump = DumpDb(*db);
  for (int i = 0; i < kWriters; ++i) EXPECT_EQ(dump[NameOf(i)].size(), 2u * kBatches);
  db.reset();
  ExpectSame(dump, DumpDb(*Open(Options(directory.path()))));
}

TEST(OutOfOrder, SnapshotHasThem) {
  TestDirectory directory;
  TestDirectory copy;
  auto db = Open(Options(directory.path()));
  for (int i = 0; i < 100; ++i) AppendOne(*db, Node(0), kStart + i * kMinute, i);
  for (int i = 0; i < 50; ++i) AppendOne(*db, Node(0), kStart - i * kMinute - 1, i);
  AppendOne(*db, Node(1), kStart - 30 * kMinute, 1);
  ASSERT_TRUE(db->Snapshot(copy.path(), true));
  auto other = Open(Options(copy.path()));
  ExpectSame(DumpDb(*db), DumpDb(*other));
  EXPECT_EQ(DumpDb(*other)[NameOf(0)].size(), 150u);
}

TEST(OutOfOrder, LabelsOfSeriesWithNothingInOrder) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  AppendOne(*db, Node(0), kStart, 1);
  AppendOne(*db, Node(1), kStart - 10 * kHour, 1);
  auto values = [&](int64_t mint, int64_t maxt) {
    auto querier = *db->NewQuerier(mint, maxt);
    return *querier->LabelValues("node", {Matcher::Equal("__name__", "load")}, 0);
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(values(kStart - 11 * kHour, kStart - 9 * kHour), (Texts{"n1"}));
  EXPECT_EQ(values(kStart - kHour, kStart + kHour), (Texts{"n0"}));
  EXPECT_EQ(db->storage_stats().lowest_time, kStart - 10 * kHour);
}

TEST(OutOfOrder, Histograms) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  Labels labels{{"__name__", "h"}};
  auto put = [&](int64_t t, int n) {
    auto appender = db->NewAppender();
    model::IntHistogram ints = SomeHistogram(n);
    model::FloatHistogram floats = ints.ToFloat();
    auto status = n % 3 == 0   ? appender->Append(0, labels, t, n).status
                  : n % 3 == 1 ? appender->AppendHistogram(0, labels, t, ints).status
                               : appender->AppendFloatHistogram(0, labels, t, floats).status;
    EXPECT_EQ(status, AppendStatus::kOk);
    ASSERT_TRUE(appender->Commit());
  };
  put(kStart - kMinute, 1);
  put(kStart + 200 * kMinute, 1);
  for (int i = 0; i < 90; ++i) put(kStart + (i * 37 % 90) * kMinute, i * 37 % 90);
  auto check = [&] {
    auto querier = *db->NewQuerier(kMinTime, kMaxTime);
    model::SelectHints hints;
    hints.start = kMinTime;
    hints.end = kMaxTime;
    auto set = *querier->Select(true, hints, {});
    ASSERT_EQ(set->size(), 1u);
    model::Columns columns;
    ASSERT_TRUE(set->Decode(0, kMinTime, kMaxTime, &columns));
    ASSERT_EQ(columns.size(), 92u);
    for (int n = 0; n < 90; ++n) {
      auto i = static_cast<size_t>(n) + 1;
      EXPECT_EQ(columns.t[i], kStart + n * kMinute);
      if (n % 3 == 0) {
        EXPECT_EQ(columns.v[i], n);
        continue;
      }
      ASSERT_NE(columns.Histogram(i), nullptr);
      EXPECT_EQ(columns.Histogram(i)->count, SomeHistogram(n).ToFloat().count);
    }
  };
  check();
  EXPECT_EQ(db->head_stats().ooo_histograms, 60u);
  db.reset();
  db = Open(Options(directory.path()));
  check();
  EXPECT_EQ(db->replay().ooo_histograms, 60u);
  ASSERT_TRUE(db->Compact());
  EXPECT_GE(db->storage_stats().blocks, 1u);
  check();
}

TEST(OutOfOrder, DamageInTheirLog) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  AppendOne(*db, Node(0), kStart + kHour, 1);
  for (int i = 0; i < 50; ++i) AppendOne(*db, Node(0), kStart + i * kMinute, i);
  db.reset();
  std::string segment = directory.path() + "/wbl/00000000";
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(900);
    file.put('\x55');
  }
  auto report = VerifyData(directory.path(), [](uint64_t, uint64_t) {});
  ASSERT_EQ(report->faults.size(), 1u);
  EXPECT_EQ(report->faults[0].file, segment);
  db = Open(Options(directory.path()));
  EXPECT_NE(db->replay().corruption.find("wbl/00000000 at offset"), std::string::npos);
  EXPECT_EQ(db->head_stats().wal_corruptions, 1u);
  EXPECT_TRUE(std::filesystem::exists(directory.path() + "/wbl/corrupt-1"));
  size_t left = DumpDb(*db)[NameOf(0)].size();
  EXPECT_GT(left, 10u);
  EXPECT_LT(left, 51u);
  db.reset();
  db = Open(Options(directory.path()));
  EXPECT_EQ(db->replay().corruption, "");
  EXPECT_EQ(DumpDb(*db)[NameOf(0)].size(), left);
}

TEST(OutOfOrder, UnknownRecordsAreNamed) {
  TestDirectory directory;
  Open(Options(directory.path())).reset();
  std::filesystem::create_directories(directory.path() + "/wbl");
  {
    auto wal = *Wal::Open(directory.path() + "/wbl", 0, 64 << 10);
    ASSERT_TRUE(wal->Write({{std::string("\x0bwhat"), 0}}));
  }
  auto db = Db::Open(Options(directory.path()));
  ASSERT_FALSE(db);
  EXPECT_NE(db.error().message().find("wbl/00000000, record after offset 0: record type 11"),
            std::string::npos)
      << db.error().message();
}

// Refs that only this log has must not be given to other series.
TEST(OutOfOrder, RefsOfLostSeriesAreNotUsedAgain) {
  TestDirectory directory;
  auto db = Open(Options(directory.path()));
  AppendOne(*db, Node(0), kStart, 1);
  AppendOne(*db, Node(1), kStart - kHour * 3, 2);
  db.reset();
  std::filesystem::remove_all(directory.path() + "/wal");
  db = Open(Options(directory.path()));
  EXPECT_EQ(db->replay().unknown_series_samples, 1u);
  for (int i = 2; i < 5; ++i) AppendOne(*db, Node(i), kStart, 1);
  Dump dump = DumpDb(*db);
  db.reset();
  db = Open(Options(directory.path()));
  EXPECT_EQ(DumpDb(*db), dump);
}

}  // namespace
}  // namespace slurmscope::tsdb
