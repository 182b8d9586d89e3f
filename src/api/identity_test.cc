// The same query gives the same bytes wherever the samples lie and however many threads work.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "api/result_json.h"
#include "base/strings.h"
#include "promql/engine.h"
#include "tsdb/db.h"
#include "tsdb/histogram_test_support.h"

namespace slurmscope::api {
namespace {

using base::StrCat;
namespace fs = std::filesystem;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'700'006'400'000;  // on a border of 2 h
constexpr int64_t kEnd = kStart + 7 * kHour;
constexpr int kSeries = 400;
constexpr int kHistograms = 40;

class Identity : public testing::Test {
 protected:
  Identity() {
    std::string pattern = (fs::temp_directory_path() / "identity_test.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~Identity() override { fs::remove_all(directory_); }

  std::unique_ptr<tsdb::Db> Open(const std::string& name) {
    tsdb::DbOptions options;
    options.path = StrCat(directory_, "/", name);
    options.compaction_interval_ms = 0;
    options.reader_wait_ms = 200;
    return *tsdb::Db::Open(options);
  }
  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

model::Labels LabelsOf(int i) {
  return {{"__name__", i % 4 == 0 ? "gauge" : "c_total"},
          {"instance", StrCat("n", i * 37 % 101)},
          {"mode", StrCat("m", i % 7)},
          {i % 3 == 0 ? "extra" : "zone", StrCat(i)}};
}

// Values whose sums depend on the order, series that come and go, in no order of labels.
void Fill(tsdb::Db& db) {
  std::mt19937_64 random(11);
  std::vector<double> counters(kSeries);
  for (int64_t t = kStart; t < kEnd; t += 60'000) {
    auto appender = db.NewAppender();
    for (int i = kSeries - 1; i >= 0; --i) {
      double& v = counters[static_cast<size_t>(i)];
      v += std::ldexp(static_cast<double>(random() % 1000), static_cast<int>(random() % 60) - 30);
      if (random() % 200 == 0) v = 0;
      bool away = (t / kHour + i) % 5 == 0;
      if (!away) appender->Append(0, LabelsOf(i), t + i, i % 4 == 0 ? v / 7 - 3 : v);
    }
    ASSERT_TRUE(appender->Commit());
  }
}

// Native histograms of all kinds that begin anew, change their buckets, end and come back, some of
// them with floats in between.
void FillHistograms(tsdb::Db& db) {
  std::mt19937_64 random(12);
  std::vector<tsdb::HistogramWalk> walks;
  for (int i = 0; i < kHistograms; ++i)
    walks.emplace_back(static_cast<uint64_t>(i), i % 3 == 0, i % 2 == 0);
  for (int64_t t = kStart; t < kEnd; t += 60'000) {
    auto appender = db.NewAppender();
    for (int i = kHistograms - 1; i >= 0; --i) {
      model::Labels labels = {{"__name__", i % 4 == 0 ? "mixed" : "h"},
                              {"mode", StrCat("m", i % 5)},
                              {"instance", StrCat("n", i * 7 % 41)}};
      auto value = walks[static_cast<size_t>(i)].Next();
      if (i % 4 == 0 && random() % 20 == 0) {
        appender->Append(0, labels, t + i, static_cast<double>(random() % 100) / 7);
      } else if (const auto* ints = std::get_if<model::IntHistogram>(&value)) {
        appender->AppendHistogram(0, labels, t + i, *ints);
      } else {
        appender->AppendFloatHistogram(0, labels, t + i, std::get<model::FloatHistogram>(value));
      }
    }
    ASSERT_TRUE(appender->Commit());
  }
}

const std::vector<std::string>& Queries() {
  static const std::vector<std::string> kQueries = {
      "gauge",
      "sum(gauge)",
      "sum by (mode) (rate(c_total[5m]))",
      "avg without (zone, extra) (gauge)",
      "stddev by (instance) (rate(c_total[10m]))",
      "count({__name__=~'.+'})",
      "count by (__name__, mode) ({__name__=~'.+'})",
      "max by (mode) (max_over_time(gauge[30m]))",
      "topk(3, gauge)",
      "quantile by (mode) (0.9, increase(c_total[20m]))",
      "count(last_over_time({__name__=~'.+'}[1h]))",
      "sum by (__name__) (last_over_time({__name__=~'.+'}[1h]))",
      "100 - avg by (instance) (irate(c_total{mode='m1'}[5m])) * 100",
      "gauge / on (instance, extra, zone, mode) group_left () sum by (instance, extra, zone, mode) "
      "(gauge)",
      "limitk(3, gauge)",
      "stdvar(sum_over_time(gauge[3h:10m]))",
      "sum(gauge @ end()) - sum(gauge offset 2h)",
      "h",
      "mixed",
      "rate(h[10m])",
      "sum by (mode) (rate({__name__=~'h|mixed'}[10m]))",
      "avg by (instance) (increase(mixed[15m]))",
      "histogram_quantile(0.9, sum by (mode) (rate(h[10m])))",
      "sum by (mode) (histogram_count(h)) + avg by (mode) (histogram_sum(h))",
      "resets(h[1h]) or changes(mixed[1h])",
      "sum_over_time(h[20m])",
      "last_over_time(mixed[5m])",
      "count_values by (mode) ('v', histogram_count(h))",
      "count({__name__=~'h|mixed|gauge'})",
  };
  return kQueries;
}

std::string Ask(tsdb::Db& db, const std::string& query, int threads) {
  promql::EngineOptions options;
  options.threads = threads;
  options.parser.experimental_functions = true;
  promql::Engine engine(options);
  std::string text;
  auto add = [&](base::Result<promql::QueryResult> result) {
    ASSERT_TRUE(result) << query << ": " << result.error().message();
    AnswerWriter writer(*std::move(result), {});
    while (writer.Next(text, 1 << 20)) {
    }
  };
  add(engine.Instant(db, query, kEnd - kHour / 2));
  add(engine.Instant(db, query, kStart + kHour));
  add(engine.Range(db, query, kStart, kEnd, 7 * 60'000));
  return text;
}

TEST_F(Identity, OfHeadBlocksAndThreads) {
  auto head = Open("head");
  Fill(*head);
  FillHistograms(*head);
  std::vector<std::string> want;
  for (const std::string& query : Queries()) want.push_back(Ask(*head, query, 1));
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_NE(want[i].find("s\":[["), std::string::npos) << Queries()[i];  // values, histograms
  auto expect_same = [&](tsdb::Db& db, int threads, std::string_view where) {
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_TRUE(Ask(db, Queries()[i], threads) == want[i])
          << Queries()[i] << " from " << where << " on " << threads << " threads";
    }
  };
  expect_same(*head, 4, "head");
  ASSERT_TRUE(head->Snapshot(StrCat(directory(), "/blocks"), true));
  auto blocks = Open("blocks");
  EXPECT_EQ(blocks->head_stats().series, 0u);
  expect_same(*blocks, 1, "blocks");
  expect_same(*blocks, 3, "blocks");
  ASSERT_TRUE(head->Compact());
  EXPECT_GT(head->storage_stats().blocks, 0u);
  EXPECT_GT(head->head_stats().series, 0u);
  expect_same(*head, 1, "both");
  expect_same(*head, 2, "both");
}

}  // namespace
}  // namespace slurmscope::api
