#include "tsdb/db.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <thread>

#include "base/strings.h"
#include "tsdb/series.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::AppendStatus;
using model::Labels;
using model::Matcher;
using model::MatchType;

constexpr int64_t kHour = 3'600'000;
const Labels kUp{{"__name__", "up"}, {"instance", "n1"}, {"job", "node"}};

Matcher Match(MatchType type, std::string_view name, std::string_view value) {
  return *Matcher::Make(type, name, value);
}

TEST(Db, AppendRules) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  EXPECT_EQ(AppendOne(*db, kUp, 10 * kHour, 1), AppendStatus::kOk);
  EXPECT_EQ(AppendOne(*db, kUp, 10 * kHour, 1), AppendStatus::kOk);
  EXPECT_EQ(AppendOne(*db, kUp, 10 * kHour, 2), AppendStatus::kDuplicate);
  EXPECT_EQ(AppendOne(*db, kUp, 10 * kHour - 1, 1), AppendStatus::kOutOfOrder);
  EXPECT_EQ(AppendOne(*db, kUp, 9 * kHour, 1), AppendStatus::kOutOfOrder);
  EXPECT_EQ(AppendOne(*db, kUp, 9 * kHour - 1, 1), AppendStatus::kOutOfBounds);
  Labels other{{"__name__", "other"}};
  EXPECT_EQ(AppendOne(*db, other, 9 * kHour, 1), AppendStatus::kOk);
  EXPECT_EQ(AppendOne(*db, other, 9 * kHour - 1, 1), AppendStatus::kOutOfBounds);
  EXPECT_EQ(AppendOne(*db, Labels{{"job", "x"}}, 10 * kHour, 1), AppendStatus::kInvalidLabels);
  EXPECT_EQ(AppendOne(*db, Labels{{"__name__", "x"}, {"a", "\xff"}}, 10 * kHour, 1),
            AppendStatus::kInvalidLabels);
  EXPECT_EQ(AppendOne(*db, Labels{{"__name__", "x"}, {"", "a"}}, 10 * kHour, 1),
            AppendStatus::kInvalidLabels);
  HeadStats stats = db->head_stats();
  EXPECT_EQ(stats.series, 2u);
  EXPECT_EQ(stats.samples_appended, 2u);
  EXPECT_EQ(stats.duplicates, 1u);
  EXPECT_EQ(stats.out_of_order, 2u);
  EXPECT_EQ(stats.out_of_bounds, 2u);
  EXPECT_EQ(stats.min_time, 9 * kHour);
  EXPECT_EQ(stats.max_time, 10 * kHour);
}

TEST(Db, RulesHoldInsideABatchAndNothingIsSeenBeforeCommit) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  Labels second{{"__name__", "second"}};
  auto appender = db->NewAppender();
  auto first = appender->Append(0, kUp, 1000, 1);
  ASSERT_NE(first.ref, 0u);
  EXPECT_EQ(appender->Append(0, second, 1000, 1).status, AppendStatus::kOk);
  EXPECT_EQ(appender->Append(first.ref, {}, 1000, 1).status, AppendStatus::kOk);
  EXPECT_EQ(appender->Append(first.ref, {}, 1000, 2).status, AppendStatus::kDuplicate);
  EXPECT_EQ(appender->Append(first.ref, {}, 2000, 2).status, AppendStatus::kOk);
  EXPECT_EQ(appender->Append(first.ref, {}, 1500, 2).status, AppendStatus::kOutOfOrder);
  EXPECT_EQ(appender->Append(99, {}, 1500, 2).status, AppendStatus::kUnknownSeries);
  EXPECT_EQ(appender->Append(99, second, 1500, 2).status, AppendStatus::kOk);
  EXPECT_TRUE(DumpDb(*db).empty());
  auto querier = *db->NewQuerier(kMinTime, kMaxTime);
  EXPECT_TRUE(querier->LabelNames({}, 0)->empty());
  ASSERT_TRUE(appender->Commit());
  Dump dump = DumpDb(*db);
  EXPECT_EQ(dump[kUp.ToString()].size(), 2u);
  EXPECT_EQ(dump["second"].size(), 2u);
}

TEST(Db, RollbackLeavesNothingAndTheSeriesCanComeAgain) {
  TestDirectory directory;
  {
    auto db = OpenDb(directory.path());
    EXPECT_EQ(db->head_stats().min_time, kMaxTime);
    EXPECT_EQ(db->head_stats().max_time, kMinTime);
    auto appender = db->NewAppender();
    appender->Append(0, kUp, 1000, 1);
    appender->Rollback();
    EXPECT_EQ(db->head_stats().series, 0u);
    EXPECT_TRUE(DumpDb(*db).empty());
    EXPECT_EQ(AppendOne(*db, kUp, 500, 7), AppendStatus::kOk);
  }
  Dump dump = DumpDb(*OpenDb(directory.path()));
  ASSERT_EQ(dump.size(), 1u);
  EXPECT_EQ(dump.begin()->second[0].first, 500);
}

TEST(Db, SelectsByMatchers) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  for (int i = 0; i < 20; ++i) {
    std::string node = StrCat("n", i);
    AppendOne(*db, Labels{{"__name__", "up"}, {"node", node}}, 1000 + i, i);
    if (i % 2 == 0) {
      AppendOne(*db, Labels{{"__name__", "load"}, {"node", node}, {"rack", "r1"}}, 1000 + i, i);
    }
  }
  auto count = [&](std::vector<Matcher> matchers) { return DumpDb(*db, matchers).size(); };
  Matcher up = Matcher::Equal("__name__", "up");
  EXPECT_EQ(count({up}), 20u);
  EXPECT_EQ(count({}), 30u);
  EXPECT_EQ(count({Matcher::Equal("__name__", "no")}), 0u);
  EXPECT_EQ(count({Matcher::Equal("no", "x")}), 0u);
  EXPECT_EQ(count({Matcher::Equal("no", "")}), 30u);
  EXPECT_EQ(count({Matcher::Equal("rack", "")}), 20u);
  EXPECT_EQ(count({Match(MatchType::kNotEqual, "rack", "")}), 10u);
  EXPECT_EQ(count({Match(MatchType::kNotEqual, "rack", "r1")}), 20u);
  EXPECT_EQ(count({up, Match(MatchType::kRegexp, "node", "n1|n2|n2|zz")}), 2u);
  EXPECT_EQ(count({Match(MatchType::kRegexp, "node", "n1.*")}), 16u);
  EXPECT_EQ(count({up, Match(MatchType::kRegexp, "node", "n1.+")}), 10u);
  EXPECT_EQ(count({up, Match(MatchType::kNotRegexp, "node", "n1.+")}), 10u);
  EXPECT_EQ(count({Match(MatchType::kNotRegexp, "node", "n[0-9]")}), 15u);
  EXPECT_EQ(count({Match(MatchType::kRegexp, "rack", "|r1")}), 30u);
  EXPECT_EQ(count({Match(MatchType::kRegexp, "rack", "(r1)?x?")}), 30u);
  EXPECT_EQ(count({Match(MatchType::kRegexp, "node", ".*")}), 30u);
  // Few candidates, many values: each candidate is looked at.
  Matcher one = Matcher::Equal("node", "n4");
  EXPECT_EQ(count({one, Match(MatchType::kRegexp, "__name__", "l.*")}), 1u);
  EXPECT_EQ(count({one, Match(MatchType::kNotEqual, "node", "n4")}), 0u);
  EXPECT_EQ(count({one, Match(MatchType::kRegexp, "node", "n.*"), Matcher::Equal("rack", "")}), 1u);
  EXPECT_EQ(DumpDb(*db, {up}, 1005, 1006).size(), 2u);
  EXPECT_EQ(DumpDb(*db, {}, 0, 999).size(), 0u);
}

TEST(Db, LabelNamesAndValues) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  AppendOne(*db, Labels{{"__name__", "b"}, {"x", "2"}}, 1000, 1);
  AppendOne(*db, Labels{{"__name__", "a"}, {"x", "1"}, {"y", "3"}}, 1000, 1);
  auto querier = *db->NewQuerier(0, 5000);
  using Texts = std::vector<std::string>;
  EXPECT_EQ(*querier->LabelValues("x", {}, 0), (Texts{"1", "2"}));
  EXPECT_EQ(*querier->LabelValues("x", {}, 1), (Texts{"1"}));
  EXPECT_EQ(*querier->LabelValues("x", {Matcher::Equal("__name__", "b")}, 0), (Texts{"2"}));
  EXPECT_EQ(*querier->LabelValues("z", {}, 0), Texts{});
  EXPECT_EQ(*querier->LabelNames({}, 0), (Texts{"__name__", "x", "y"}));
  EXPECT_EQ(*querier->LabelNames({Matcher::Equal("x", "2")}, 0), (Texts{"__name__", "x"}));
  auto later = *db->NewQuerier(5000, 6000);
  EXPECT_EQ(*later->LabelNames({}, 0), Texts{});
}

TEST(Db, SortsByLabels) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  std::vector<Labels> all = {
      {{"__name__", "b"}}, {{"__name__", "a"}, {"z", "1"}}, {{"__name__", "a"}, {"b", "2"}},
      {{"__name__", "a"}}, {{"A", "x"}, {"__name__", "z"}}, {{"__name__", "a"}, {"b", "10"}}};
  for (const Labels& labels : all) AppendOne(*db, labels, 1000, 1);
  std::sort(all.begin(), all.end());
  auto querier = *db->NewQuerier(0, 5000);
  model::SelectHints hints;
  hints.end = 5000;
  auto set = *querier->Select(true, hints, {});
  ASSERT_EQ(set->size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(set->LabelsAt(i), all[i]) << i;
}

TEST(Db, ChunksAreCutAsPrometheusDoes) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  // 480 samples of 15 s fill two hours: four chunks of 120, by the prediction after 30.
  auto appender = db->NewAppender();
  for (int i = 0; i < 480; ++i) appender->Append(0, kUp, i * 15'000, i);
  ASSERT_TRUE(appender->Commit());
  EXPECT_EQ(db->head_stats().chunks, 4u);
  AppendOne(*db, kUp, 2 * kHour, 1);
  EXPECT_EQ(db->head_stats().chunks, 5u);
  EXPECT_EQ(DumpDb(*db, {}, 119 * 15'000, 121 * 15'000)[kUp.ToString()].size(), 3u);
  EXPECT_EQ(DumpDb(*db)[kUp.ToString()].size(), 481u);

  EXPECT_EQ(RangeEnd(0, 100), 100);
  EXPECT_EQ(RangeEnd(99, 100), 100);
  EXPECT_EQ(RangeEnd(100, 100), 200);
  EXPECT_EQ(PredictChunkEnd(0, 250, 1000), 1000);
  EXPECT_EQ(PredictChunkEnd(100, 200, 1000), 550);
  EXPECT_EQ(PredictChunkEnd(0, 0, 1000), 4);
}

TEST(Db, RandomValuesCutByBytesAndSurviveARestart) {
  TestDirectory directory;
  std::mt19937_64 random(7);
  Dump before;
  {
    auto db = OpenDb(directory.path(), 64 << 10);
    for (int i = 0; i < 2000; ++i) {
      auto appender = db->NewAppender();
      for (int k = 0; k < 5; ++k) {
        Labels labels{{"__name__", "random"}, {"k", StrCat(k)}};
        appender->Append(0, labels, i * 1000 + k, std::bit_cast<double>(random()));
      }
      ASSERT_TRUE(appender->Commit());
    }
    before = DumpDb(*db);
    EXPECT_GE(db->head_stats().wal_segment, 2u);
    EXPECT_GT(db->head_stats().chunks, 5 * 2000u * 8 / 1024);
  }
  auto db = OpenDb(directory.path(), 64 << 10);
  EXPECT_EQ(DumpDb(*db), before);
  EXPECT_EQ(db->replay().samples + db->replay().samples_in_chunks, 10'000u);
  EXPECT_EQ(db->replay().series, 5u);
  EXPECT_EQ(db->replay().corruption, "");
  EXPECT_EQ(db->replay().dropped_bytes, 0u);
  EXPECT_EQ(db->head_stats().samples_appended, 0u);
  uint64_t on_disk = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory.wal())) {
    on_disk += file.file_size();
  }
  EXPECT_EQ(db->head_stats().wal_bytes, on_disk);
}

TEST(Db, AFailedWriteLosesTheBatchAndIsMendedByTheNext) {
  TestDirectory directory;
  std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old {};
  ::getrlimit(RLIMIT_FSIZE, &old);
  auto append = [](Db& db, int round) {
    auto appender = db.NewAppender();
    std::mt19937_64 random(static_cast<unsigned>(round));
    for (int i = 0; i < 200; ++i) {
      Labels labels{{"__name__", "m"}, {"i", StrCat(round < 40 ? i : i + round * 1000)}};
      appender->Append(0, labels, 1000 + round, std::bit_cast<double>(random()));
    }
    return appender->Commit();
  };
  Dump before;
  {
    auto db = OpenDb(directory.path());
    struct rlimit low = old;
    low.rlim_cur = 50'000;
    ::setrlimit(RLIMIT_FSIZE, &low);
    int good = 0;
    while (append(*db, good)) ++good;
    EXPECT_FALSE(append(*db, 77));
    EXPECT_FALSE(db->head_stats().writable);
    ::setrlimit(RLIMIT_FSIZE, &old);
    EXPECT_GT(good, 3);
    Dump dump = DumpDb(*db);
    EXPECT_EQ(dump.size(), 200u);
    EXPECT_EQ(dump.begin()->second.size(), static_cast<size_t>(good));
    EXPECT_TRUE(append(*db, 77));
    EXPECT_TRUE(db->head_stats().writable);
    before = DumpDb(*db);
    EXPECT_EQ(before.size(), 400u);
  }
  auto db = OpenDb(directory.path());
  EXPECT_EQ(DumpDb(*db), before);
  EXPECT_EQ(db->replay().corruption, "");
  EXPECT_EQ(db->replay().dropped_bytes, 0u);
}

TEST(Db, ASecondProcessIsKeptOut) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  pid_t child = ::fork();
  if (child == 0) {
    DbOptions options;
    options.path = directory.path();
    auto second = Db::Open(options);
    bool refused = !second && second.error().message().find("in use") != std::string::npos;
    ::_exit(refused ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Db, ABadPathIsAnErrorThatNamesIt) {
  TestDirectory directory;
  DbOptions options;
  options.path = "/proc/nowhere/data";
  auto db = Db::Open(options);
  ASSERT_FALSE(db);
  EXPECT_NE(db.error().message().find("/proc/nowhere"), std::string::npos) << db.error().message();
}

TEST(Db, Cardinality) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  for (int i = 0; i < 3; ++i) AppendOne(*db, Labels{{"__name__", "a"}, {"n", StrCat(i)}}, 1000, 1);
  AppendOne(*db, Labels{{"__name__", "bcd"}, {"n", "0"}}, 1000, 1);
  CardinalityStats top = db->cardinality(2);
  ASSERT_EQ(top.series_by_metric.size(), 2u);
  EXPECT_EQ(top.series_by_metric[0].name, "a");
  EXPECT_EQ(top.series_by_metric[0].count, 3u);
  EXPECT_EQ(top.values_by_label[0].name, "n");
  EXPECT_EQ(top.values_by_label[0].count, 3u);
  EXPECT_EQ(top.bytes_by_label[0].name, "__name__");
  EXPECT_EQ(top.bytes_by_label[0].count, 6u);
  EXPECT_EQ(top.series_by_pair[0].name, "__name__=a");
  EXPECT_EQ(top.series_by_pair[1].name, "n=0");
  EXPECT_EQ(top.series_by_pair[1].count, 2u);
  EXPECT_EQ(db->head_stats().label_pairs, 5u);
}

TEST(Db, AppendsAndQueriesRunTogether) {
  TestDirectory directory;
  Dump before;
  {
    auto db = OpenDb(directory.path(), 1 << 20);
    std::atomic<bool> stop{false};
    std::thread reader([&] {
      while (!stop) {
        for (const auto& [name, samples] : DumpDb(*db)) {
          for (size_t i = 1; i < samples.size(); ++i)
            ASSERT_LT(samples[i - 1].first, samples[i].first);
        }
        (void)db->cardinality(5);
        (void)db->Sync();
        (void)(*db->NewQuerier(0, kMaxTime))->LabelValues("w", {}, 0);
      }
    });
    std::vector<std::thread> writers;
    for (int w = 0; w < 3; ++w) {
      writers.emplace_back([&db, w] {
        for (int round = 0; round < 200; ++round) {
          auto appender = db->NewAppender();
          appender->Append(0, kUp, 1'000'000 + round * 10 + w, round);
          for (int i = 0; i < 20 + round / 20; ++i) {
            Labels labels{{"__name__", "m"}, {"i", StrCat(i)}, {"w", StrCat(w)}};
            appender->Append(0, labels, 1'000'000 + round * 1000, round);
          }
          ASSERT_TRUE(appender->Commit());
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    stop = true;
    reader.join();
    before = DumpDb(*db);
    EXPECT_EQ(before.size(), 3 * 29u + 1);
  }
  Dump after = DumpDb(*OpenDb(directory.path(), 1 << 20));
  // Which of three racing samples of one series wins may differ between memory and log; the rest
  // may not.
  before.erase(kUp.ToString());
  after.erase(kUp.ToString());
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace slurmscope::tsdb
