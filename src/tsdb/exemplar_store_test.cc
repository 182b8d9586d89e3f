// Exemplars and metadata, alone and through the storage.
#include "tsdb/exemplar_store.h"

#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using model::AppendStatus;
using model::Exemplar;
using model::ExemplarStatus;
using model::Labels;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'700'006'400'000;  // a border of two hours

Labels Named(const std::string& name) { return Labels{{"__name__", name}}; }

std::unique_ptr<Db> Open(const std::string& path, uint64_t exemplars = 0, bool metadata = false) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.wal_segment_bytes = 64 << 10;
  options.max_exemplars = exemplars;
  options.metadata_records = metadata;
  auto db = Db::Open(options);
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

Exemplar Trace(int64_t t, double value, const std::string& id) {
  return {Labels{{"trace_id", id}}, value, t, true};
}

TEST(Exemplars, RingKeepsTheNewestOfAll) {
  ExemplarStore store(4);
  auto all = [&] { return store.Select(kMinTime, kMaxTime, {{}}); };
  for (int64_t t = 1; t <= 6; ++t) {
    store.Add(Named(t == 1 ? "rare" : "a"), Trace(t, 1, std::to_string(t)));
  }
  store.Add(Named("b"), Trace(2, 1, "x"));
  auto found = all();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].labels, Named("a"));
  ASSERT_EQ(found[0].exemplars.size(), 3u);
  EXPECT_EQ(found[0].exemplars[0].t, 4);
  EXPECT_EQ(found[0].exemplars[2].t, 6);
  EXPECT_EQ(found[1].labels, Named("b"));
  ExemplarStats stats = store.stats();
  EXPECT_EQ(stats.stored, 4u);
  EXPECT_EQ(stats.series, 2u);
  EXPECT_EQ(stats.newest_time, 2);
  EXPECT_EQ(store.Select(5, 5, {{}}).size(), 1u);
  auto is_b = *model::Matcher::Make(model::MatchType::kEqual, "__name__", "b");
  EXPECT_EQ(store.Select(0, 9, {{is_b}}).size(), 1u);
  EXPECT_EQ(store.Select(0, 9, {}).size(), 0u);
}

TEST(Exemplars, OrderAndRepeatsAndLength) {
  ExemplarStore store(4);
  bool known = true;
  EXPECT_EQ(store.Check(Named("a"), Trace(5, 2, "x"), &known), ExemplarStatus::kOk);
  EXPECT_FALSE(known);
  store.Add(Named("a"), Trace(5, 2, "x"));
  EXPECT_EQ(store.Check(Named("a"), Trace(5, 2, "x"), &known), ExemplarStatus::kOk);
  EXPECT_TRUE(known);
  store.Add(Named("a"), Trace(5, 2, "x"));
  EXPECT_EQ(store.stats().stored, 1u);
  EXPECT_EQ(store.Check(Named("a"), Trace(4, 3, "x"), &known), ExemplarStatus::kOutOfOrder);
  EXPECT_EQ(store.Check(Named("a"), Trace(5, 1, "x"), &known), ExemplarStatus::kOutOfOrder);
  EXPECT_EQ(store.Check(Named("a"), Trace(5, 3, "x"), &known), ExemplarStatus::kOk);
  EXPECT_EQ(store.stats().out_of_order, 2u);
  // trace_id has 8 characters; two bytes may be one.
  std::string umlauts;
  for (int i = 0; i < 120; ++i) umlauts += "\u00e4";
  EXPECT_EQ(store.Check(Named("a"), Trace(6, 3, umlauts), &known), ExemplarStatus::kOk);
  EXPECT_EQ(store.Check(Named("a"), Trace(6, 3, umlauts + "x"), &known), ExemplarStatus::kTooLong);
  EXPECT_EQ(ExemplarStore(0).Check(Named("a"), Trace(6, 3, ""), &known), ExemplarStatus::kDisabled);
}

TEST(Exemplars, ComeBackFromTheLogAndOutliveTheirSeries) {
  TestDirectory directory;
  Labels labels = Named("m");
  auto check = [&](Db& db, size_t count) {
    auto found = db.exemplars()->Select(kMinTime, kMaxTime, {{}});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].labels, labels);
    EXPECT_EQ(found[0].exemplars.size(), count);
    EXPECT_EQ(found[0].exemplars.back().labels.Get("trace_id"), "two");
    EXPECT_EQ(found[0].exemplars.back().value, 0.25);
  };
  {
    auto db = Open(directory.path(), 100);
    auto appender = db->NewAppender();
    EXPECT_EQ(appender->AppendExemplar(0, labels, Trace(kStart, 1, "one")),
              ExemplarStatus::kUnknownSeries);
    auto ref = appender->Append(0, labels, kStart, 1).ref;
    EXPECT_EQ(appender->AppendExemplar(ref, {}, Trace(kStart, 1, "one")), ExemplarStatus::kOk);
    EXPECT_EQ(appender->AppendExemplar(0, labels, Trace(kStart + 1, 0.25, "two")),
              ExemplarStatus::kOk);
    ASSERT_TRUE(appender->Commit());
    check(*db, 2);
  }
  auto db = Open(directory.path(), 100);
  check(*db, 2);
  for (int64_t t = kStart; t < kStart + 9 * kHour; t += 60'000) {
    AppendOne(*db, Named("other"), t, 1);
  }
  ASSERT_TRUE(db->Compact());
  EXPECT_EQ(db->head_stats().series, 1u);
  check(*db, 2);
  EXPECT_EQ(db->NewAppender()->AppendExemplar(0, labels, Trace(kStart + 2, 1, "no")),
            ExemplarStatus::kUnknownSeries);
  db.reset();
  EXPECT_EQ(Open(directory.path())->exemplars(), nullptr);
}

TEST(Metadata, IsLoggedOnceAndComesBack) {
  TestDirectory directory;
  Labels labels = Named("m");
  model::Metadata first{model::MetricType::kCounter, "bytes", "How \"many\"\nthere are."};
  model::Metadata second{model::MetricType::kGauge, "", "Other."};
  auto update = [&](Db& db, const model::Metadata& metadata) {
    auto appender = db.NewAppender();
    EXPECT_EQ(appender->UpdateMetadata(0, labels, metadata), AppendStatus::kOk);
    EXPECT_TRUE(appender->Commit());
  };
  {
    auto db = Open(directory.path(), 0, true);
    auto appender = db->NewAppender();
    EXPECT_EQ(appender->UpdateMetadata(0, labels, first), AppendStatus::kUnknownSeries);
    auto ref = appender->Append(0, labels, kStart, 1).ref;
    EXPECT_EQ(appender->UpdateMetadata(ref, {}, first), AppendStatus::kOk);
    ASSERT_TRUE(appender->Commit());
    uint64_t bytes = db->head_stats().wal_bytes;
    update(*db, first);
    EXPECT_EQ(db->head_stats().wal_bytes, bytes);
    EXPECT_EQ(db->MetadataOf(labels), first);
    update(*db, second);
    EXPECT_GT(db->head_stats().wal_bytes, bytes);
  }
  auto db = Open(directory.path(), 0, true);
  EXPECT_EQ(db->MetadataOf(labels), second);
  EXPECT_EQ(db->MetadataOf(Named("x")), std::nullopt);
  // Checkpoints keep it as long as the series.
  for (int hour = 0; hour < 9; ++hour) {
    db.reset();  // each start begins a segment
    db = Open(directory.path(), 0, true);
    AppendOne(*db, labels, kStart + hour * kHour + 1, 1);
  }
  ASSERT_TRUE(db->Compact());
  EXPECT_GE(db->storage_stats().checkpoints, 1u);
  db.reset();
  EXPECT_EQ(Open(directory.path(), 0, true)->MetadataOf(labels), second);
  EXPECT_EQ(Open(directory.path())->MetadataOf(labels), std::nullopt);
}

}  // namespace
}  // namespace slurmscope::tsdb
