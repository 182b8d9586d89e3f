// Histograms through the whole storage: log, head, blocks.
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "tsdb/histogram_test_support.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using model::AppendStatus;
using model::FloatHistogram;
using model::IntHistogram;
using model::Labels;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'700'006'400'000;  // a border of two hours

Labels Named(const std::string& name) { return Labels{{"__name__", name}}; }

std::unique_ptr<Db> Open(const std::string& path) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.wal_segment_bytes = 256 << 10;
  auto db = Db::Open(options);
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

AppendStatus AppendValue(model::Appender& appender, const Labels& labels, int64_t t,
                         const HistogramWalk::Value& value) {
  if (value.index() == 0) {
    return appender.AppendHistogram(0, labels, t, std::get<0>(value)).status;
  }
  return appender.AppendFloatHistogram(0, labels, t, std::get<1>(value)).status;
}

// What remote read gets of the same series.
void ExpectChunksHold(const model::SeriesSet& set, int64_t mint, int64_t maxt,
                      const model::Columns& columns) {
  std::vector<model::RawChunk> chunks;
  ASSERT_TRUE(set.Chunks(0, mint, maxt, &chunks));
  model::Columns decoded;
  int64_t end = kMinTime;
  for (const model::RawChunk& chunk : chunks) {
    EXPECT_GT(chunk.mint, end);
    end = chunk.maxt;
    size_t first = decoded.size();
    ASSERT_TRUE(DecodeChunk({chunk.encoding, chunk.bytes}, kMinTime, kMaxTime, &decoded));
    ASSERT_GT(decoded.size(), first);
    EXPECT_EQ(decoded.t[first], chunk.mint);
    EXPECT_EQ(decoded.t.back(), chunk.maxt);
  }
  EXPECT_EQ(decoded.t, columns.t);
  for (size_t i = 0; i < std::min(decoded.size(), columns.size()); ++i) {
    EXPECT_EQ(std::bit_cast<uint64_t>(decoded.v[i]), std::bit_cast<uint64_t>(columns.v[i]));
    const FloatHistogram* h = decoded.Histogram(i);
    ASSERT_EQ(h == nullptr, columns.Histogram(i) == nullptr);
    EXPECT_TRUE(h == nullptr || h->Equals(*columns.Histogram(i)));
  }
}

model::Columns ReadSeries(Db& db, const Labels& labels, int64_t mint = kMinTime,
                          int64_t maxt = kMaxTime) {
  auto querier = *db.NewQuerier(mint, maxt);
  model::SelectHints hints;
  hints.start = mint;
  hints.end = maxt;
  auto matcher = *model::Matcher::Make(model::MatchType::kEqual, "__name__",
                                       std::string(labels.Get("__name__")));
  auto set = *querier->Select(false, hints, {matcher});
  model::Columns columns;
  EXPECT_LE(set->size(), 1u);
  if (set->size() != 1) return columns;
  EXPECT_TRUE(set->Decode(0, mint, maxt, &columns));
  ExpectChunksHold(*set, mint, maxt, columns);
  return columns;
}

IntHistogram Simple(int64_t count, double sum = 1) {
  IntHistogram h;
  h.schema = 3;
  h.positive = {{1, count}};
  h.count = static_cast<uint64_t>(count);
  h.sum = sum;
  return h;
}

// What was appended, by series.
class Fleet {
 public:
  Fleet() {
    for (uint64_t i = 0; i < 6; ++i) {
      walks_.emplace_back(1000 + i, i % 3 == 2, i % 3 == 0);
      samples_.emplace_back();
    }
  }
  Labels LabelsOf(size_t i) const { return Named("h" + std::to_string(i)); }

  void Append(Db& db, int64_t from, int64_t to, int64_t step) {
    for (int64_t t = from; t < to; t += step) {
      auto appender = db.NewAppender();
      for (size_t i = 0; i < walks_.size(); ++i) {
        HistogramWalk::Value value = walks_[i].Next();
        ASSERT_EQ(AppendValue(*appender, LabelsOf(i), t, value), AppendStatus::kOk);
        samples_[i].emplace_back(t, std::move(value));
      }
      ASSERT_TRUE(appender->Commit());
    }
  }

  void Check(Db& db, int64_t mint = kMinTime, int64_t maxt = kMaxTime) const {
    for (size_t i = 0; i < walks_.size(); ++i) {
      model::Columns columns = ReadSeries(db, LabelsOf(i), mint, maxt);
      size_t at = 0;
      for (const auto& [t, value] : samples_[i]) {
        if (t < mint || t > maxt) continue;
        ASSERT_NO_FATAL_FAILURE(ExpectSample(columns, at++, t, value)) << "series " << i;
      }
      EXPECT_EQ(columns.size(), at);
    }
  }

 private:
  std::vector<HistogramWalk> walks_;
  std::vector<std::vector<std::pair<int64_t, HistogramWalk::Value>>> samples_;
};

TEST(HistogramDb, ReadsBackFromHeadLogAndBlocks) {
  TestDirectory directory;
  Fleet fleet;
  auto db = Open(directory.path());
  fleet.Append(*db, kStart, kStart + 2 * kHour, 30'000);
  fleet.Check(*db);
  db.reset();
  db = Open(directory.path());
  EXPECT_EQ(db->replay().histograms, db->replay().samples);
  EXPECT_EQ(db->replay().invalid_histograms, 0u);
  fleet.Check(*db);

  fleet.Append(*db, kStart + 2 * kHour, kStart + 9 * kHour, 60'000);
  ASSERT_TRUE(db->Compact());
  EXPECT_GE(db->storage_stats().blocks, 2u);
  EXPECT_TRUE(db->storage_stats().unreadable.empty());
  fleet.Check(*db);
  fleet.Check(*db, kStart + kHour + 1, kStart + 5 * kHour + 7);
  // The log was shortened by now.
  EXPECT_GE(db->storage_stats().checkpoints, 1u);
  db.reset();
  db = Open(directory.path());
  fleet.Check(*db);
}

TEST(HistogramDb, MergedBlocksHoldTheSame) {
  TestDirectory directory;
  Fleet fleet;
  auto db = Open(directory.path());
  for (int step = 0; step < 10; ++step) {
    int64_t from = kStart + step * 2 * kHour;
    fleet.Append(*db, from, from + 2 * kHour, 300'000);
    ASSERT_TRUE(db->Compact());
  }
  EXPECT_GE(db->storage_stats().compactions, 5u);
  fleet.Check(*db);
}

TEST(HistogramDb, BlocksThatOverlapAreReadAndMerged) {
  TestDirectory directory;
  TestDirectory other;
  Fleet fleet;
  Fleet twin;
  {
    auto db = Open(directory.path());
    fleet.Append(*db, kStart, kStart + 7 * kHour, 120'000);
    ASSERT_TRUE(db->Compact());
    auto second = Open(other.path());
    twin.Append(*second, kStart, kStart + 7 * kHour, 120'000);
    ASSERT_TRUE(second->Compact());
  }
  for (const auto& entry : std::filesystem::directory_iterator(other.path())) {
    if (entry.path().filename().string().size() != 26) continue;  // no block
    std::filesystem::copy(entry.path(), directory.path() + "/" + entry.path().filename().string(),
                          std::filesystem::copy_options::recursive);
  }
  auto db = Open(directory.path());
  fleet.Check(*db);
  uint64_t blocks = db->storage_stats().blocks;
  ASSERT_TRUE(db->Compact());
  EXPECT_LT(db->storage_stats().blocks, blocks);
  fleet.Check(*db);
}

TEST(HistogramDb, RefusesWhatMakesNoSense) {
  TestDirectory directory;
  auto db = Open(directory.path());
  auto appender = db->NewAppender();
  auto refused = [&](auto change) {
    IntHistogram h = Simple(5);
    change(h);
    EXPECT_FALSE(model::Validate(h));
    EXPECT_EQ(appender->AppendHistogram(0, Named("x"), 1000, h).status,
              AppendStatus::kInvalidHistogram);
  };
  refused([](IntHistogram& h) { h.count = 6; });
  refused([](IntHistogram& h) { h.schema = 9; });
  refused([](IntHistogram& h) { h.positive.push_back({1, 0}); });
  refused([](IntHistogram& h) { h.positive[0].count = -5; });
  refused([](IntHistogram& h) { h.custom_values = {1}; });
  refused([](IntHistogram& h) { h.zero_threshold = std::nan(""); });
  refused([](IntHistogram& h) {
    h.schema = FloatHistogram::kCustomSchema;
    h.custom_values = {};
    h.positive[0].index = 1;
  });
  refused([](IntHistogram& h) {
    h.schema = FloatHistogram::kCustomSchema;
    h.custom_values = {2, 1};
  });
  IntHistogram nan = Simple(5, std::nan(""));
  nan.count = 7;
  EXPECT_EQ(appender->AppendHistogram(0, Named("x"), 1000, nan).status, AppendStatus::kOk);
  FloatHistogram negative;
  negative.zero_count = -1;
  EXPECT_EQ(appender->AppendFloatHistogram(0, Named("x"), 2000, negative).status,
            AppendStatus::kInvalidHistogram);
}

TEST(HistogramDb, AppendRulesAreThoseOfFloats) {
  TestDirectory directory;
  auto db = Open(directory.path());
  Labels labels = Named("m");
  auto put = [&](int64_t t, const HistogramWalk::Value& value) {
    auto appender = db->NewAppender();
    AppendStatus status = AppendValue(*appender, labels, t, value);
    EXPECT_TRUE(appender->Commit());
    return status;
  };
  EXPECT_EQ(put(kStart, Simple(1)), AppendStatus::kOk);
  EXPECT_EQ(put(kStart, Simple(1)), AppendStatus::kOk);
  EXPECT_EQ(put(kStart, Simple(2)), AppendStatus::kDuplicate);
  EXPECT_EQ(put(kStart, Simple(1).ToFloat()), AppendStatus::kDuplicate);
  EXPECT_EQ(AppendOne(*db, labels, kStart, 1), AppendStatus::kDuplicate);
  EXPECT_EQ(put(kStart - 1, Simple(1)), AppendStatus::kOutOfOrder);
  EXPECT_EQ(AppendOne(*db, labels, kStart + 10, 7), AppendStatus::kOk);
  EXPECT_EQ(put(kStart + 10, Simple(1)), AppendStatus::kDuplicate);
  EXPECT_EQ(put(kStart + 20, Simple(1)), AppendStatus::kOk);
  EXPECT_EQ(put(kStart - 2 * kHour, Simple(1)), AppendStatus::kOutOfBounds);
  HeadStats stats = db->head_stats();
  EXPECT_EQ(stats.samples_appended, 3u);
  EXPECT_EQ(stats.histograms_appended, 2u);
  EXPECT_EQ(stats.duplicates, 4u);
  EXPECT_EQ(stats.chunks, 3u);
}

// Many kinds of one series in one commit: replay must find them in the order of their times.
TEST(HistogramDb, KindsMayChangeWithinABatch) {
  TestDirectory directory;
  Labels labels = Named("m");
  std::vector<HistogramWalk::Value> values;
  auto check = [&](Db& db) {
    model::Columns columns = ReadSeries(db, labels);
    ASSERT_EQ(columns.size(), 40u);
    for (size_t i = 0; i < 40; ++i) {
      int64_t t = kStart + static_cast<int64_t>(i);
      if (i % 4 != 3) {
        ExpectSample(columns, i, t, values[i]);
        continue;
      }
      EXPECT_EQ(columns.Histogram(i), nullptr);
      EXPECT_EQ(columns.v[i], static_cast<double>(i));
    }
  };
  {
    auto db = Open(directory.path());
    auto appender = db->NewAppender();
    for (int i = 0; i < 40; ++i) {
      IntHistogram custom = Simple(i + 1);
      custom.schema = FloatHistogram::kCustomSchema;
      custom.custom_values = {0.5};
      values.emplace_back(Simple(i + 1));
      if (i % 4 == 1) values.back() = Simple(i + 1).ToFloat();
      if (i % 4 == 2) values.back() = custom;
      AppendStatus status = i % 4 == 3 ? appender->Append(0, labels, kStart + i, i).status
                                       : AppendValue(*appender, labels, kStart + i, values.back());
      EXPECT_EQ(status, AppendStatus::kOk);
      EXPECT_EQ(appender->Append(0, labels, kStart + i - 1, i).status, AppendStatus::kOutOfOrder);
    }
    ASSERT_TRUE(appender->Commit());
    check(*db);
  }
  check(*Open(directory.path()));
}

TEST(HistogramDb, AStaleMarkerEndsAHistogramAsOne) {
  TestDirectory directory;
  Labels labels = Named("m");
  auto check = [&](Db& db) {
    model::Columns columns = ReadSeries(db, labels);
    ASSERT_EQ(columns.size(), 3u);
    EXPECT_NE(columns.Histogram(0), nullptr);
    EXPECT_TRUE(model::IsStale(columns.v[1]));
    EXPECT_NE(columns.Histogram(2), nullptr);
    // Had it become a float there would be three chunks.
    EXPECT_EQ(db.head_stats().chunks, 2u);
  };
  {
    auto db = Open(directory.path());
    auto appender = db->NewAppender();
    EXPECT_EQ(appender->AppendHistogram(0, labels, 1, Simple(1)).status, AppendStatus::kOk);
    EXPECT_EQ(appender->Append(0, labels, 2, model::StaleNan()).status, AppendStatus::kOk);
    ASSERT_TRUE(appender->Commit());
    EXPECT_EQ(AppendOne(*db, labels, 2, model::StaleNan()), AppendStatus::kOk);  // once more
    EXPECT_EQ(appender->AppendHistogram(0, labels, 3, Simple(1)).status, AppendStatus::kOk);
    ASSERT_TRUE(appender->Commit());
    check(*db);
  }
  check(*Open(directory.path()));
}

// 10 samples at least, 2 KiB or the end of the range at most.
TEST(HistogramDb, ChunksAreCutByTheirBytes) {
  TestDirectory directory;
  auto db = Open(directory.path());
  std::mt19937_64 random(3);
  auto fill = [&](const std::string& name, int buckets) {
    uint64_t before = db->head_stats().chunks;
    IntHistogram h;
    for (int i = 0; i < buckets; ++i) h.positive.push_back({i, 0});
    for (int64_t t = 0; t < 120; ++t) {
      for (auto& bucket : h.positive) {
        auto more = static_cast<int64_t>(random() % 1'000'000);
        bucket.count += more;
        h.count += static_cast<uint64_t>(more);
      }
      auto appender = db->NewAppender();
      EXPECT_EQ(appender->AppendHistogram(0, Named(name), kStart + t * 1000, h).status,
                AppendStatus::kOk);
      EXPECT_TRUE(appender->Commit());
    }
    return db->head_stats().chunks - before;
  };
  EXPECT_EQ(fill("wide", 200), 12u);
  uint64_t narrow = fill("narrow", 3);
  EXPECT_GE(narrow, 1u);
  EXPECT_LE(narrow, 3u);
}

}  // namespace
}  // namespace slurmscope::tsdb
