#include "tsdb/wal_tail.h"

#include <fcntl.h>

#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/checkpoint.h"
#include "tsdb/test_support.h"
#include "tsdb/wal.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {
namespace {

using model::Labels;
using model::LogBatch;
using model::LogPosition;

class WalTailTest : public testing::Test {
 protected:
  WalTailTest() {
    EXPECT_TRUE(base::MakeDirectories(directory_.wal()));
    wal_ = *Wal::Open(directory_.wal(), 0, 2 * kPageBytes);
  }

  void WriteSeries(uint64_t ref) {
    std::string record;
    AddSeries(record, ref, Labels{{"__name__", base::StrCat("m", ref)}});
    Write(std::move(record));
  }
  void WriteSample(uint64_t ref, int64_t t) {
    SamplesRecord record;
    record.Add(ref, t, static_cast<double>(t) / 2);
    Write(record.Take());
  }
  void Write(std::string record) {
    ASSERT_TRUE(wal_->Write({StoreRecord(std::move(record), WalCompression::kSnappy)}));
  }
  std::unique_ptr<WalTail> Tail(std::optional<LogPosition> from) {
    return std::make_unique<WalTail>(
        directory_.wal(), [this] { return wal_->end(); }, from);
  }
  // Everything that is there, as text: "s1" a series, "1@20" a sample, "-1" a series that is gone,
  // "!2" segments lost.
  std::vector<std::string> Read(WalTail& tail) {
    std::vector<std::string> out;
    LogBatch batch;
    while (true) {
      auto next = tail.Next(&batch);
      EXPECT_TRUE(next) << (next ? "" : next.error().message());
      if (!next || !*next) return out;
      if (batch.lost_segments > 0) out.push_back(base::StrCat("!", batch.lost_segments));
      for (uint64_t ref : batch.gone) out.push_back(base::StrCat("-", ref));
      for (const auto& series : batch.series) {
        EXPECT_EQ(series.labels.Get("__name__"), base::StrCat("m", series.ref));
        out.push_back(base::StrCat("s", series.ref));
      }
      for (const auto& sample : batch.samples) {
        EXPECT_EQ(sample.v, static_cast<double>(sample.t) / 2);
        out.push_back(base::StrCat(sample.ref, "@", sample.t));
      }
      end_ = batch.end;
    }
  }
  using List = std::vector<std::string>;

  TestDirectory directory_;
  std::unique_ptr<Wal> wal_;
  LogPosition end_;
};

TEST_F(WalTailTest, FollowsWhatIsWritten) {
  WriteSeries(1);
  WriteSample(1, 10);
  auto tail = Tail(std::nullopt);
  WriteSample(1, 20);
  EXPECT_EQ(Read(*tail), (List{"s1", "1@20"}));
  EXPECT_EQ(Read(*tail), List{});
  EXPECT_EQ(tail->BytesBehind(), 0u);
  WriteSeries(2);
  WriteSample(2, 30);
  EXPECT_GT(tail->BytesBehind(), 0u);
  EXPECT_EQ(Read(*tail), (List{"s2", "2@30"}));
}

TEST_F(WalTailTest, GoesOnWhereAnotherOneStopped) {
  WriteSeries(1);
  WriteSample(1, 10);
  auto first = Tail(LogPosition{});
  EXPECT_EQ(Read(*first), (List{"s1", "1@10"}));
  LogPosition there = end_;
  WriteSample(1, 20);
  ASSERT_TRUE(wal_->CutSegment());
  WriteSample(1, 30);
  EXPECT_EQ(Read(*Tail(there)), (List{"s1", "1@20", "1@30"}));
  EXPECT_EQ(Read(*first), (List{"1@20", "1@30"}));
}

TEST_F(WalTailTest, GivesEverySampleOverManySegmentsAndLongRecords) {
  auto tail = Tail(LogPosition{});
  std::vector<std::string> expected;
  std::vector<std::string> got;
  for (uint64_t ref = 1; ref < 400; ++ref) {
    WriteSeries(ref);
    expected.push_back(base::StrCat("s", ref));
    SamplesRecord record;
    // Some do not fit into a page.
    for (int64_t i = 0; i < static_cast<int64_t>(ref % 7 == 0 ? 3000 : 9); ++i) {
      int64_t t = static_cast<int64_t>(ref) * 10'000 + i;
      record.Add(ref, t, static_cast<double>(t) / 2);
      expected.push_back(base::StrCat(ref, "@", t));
    }
    Write(record.Take());
    if (ref % 3 != 0) continue;
    List more = Read(*tail);
    got.insert(got.end(), more.begin(), more.end());
  }
  List more = Read(*tail);
  got.insert(got.end(), more.begin(), more.end());
  EXPECT_EQ(got, expected);
  EXPECT_GT(wal_->segment(), 3u);
}

// A batch that is half in the file is not given, nor one that was taken back.
TEST_F(WalTailTest, WaitsForTheRestOfABatch) {
  WriteSeries(1);
  WriteSample(1, 10);
  LogPosition end = wal_->end();
  WalTail tail(
      directory_.wal(), [&] { return end; }, LogPosition{});
  WriteSample(1, 20);
  EXPECT_EQ(Read(tail), (List{"s1", "1@10"}));
  end = wal_->end();
  EXPECT_EQ(Read(tail), (List{"1@20"}));

  // The end is told before all bytes can be seen.
  std::string path = directory_.wal() + "/" + SegmentName(0);
  LogPosition before = wal_->end();
  WriteSample(1, 30);
  std::string whole = *base::ReadFile(path);
  std::string torn = whole.substr(0, before.offset + 5);
  ASSERT_TRUE(base::WriteFileAtomic(path, torn));
  WalTail other(
      directory_.wal(), [&] { return end; }, LogPosition{});
  EXPECT_EQ(Read(other), (List{"s1", "1@10", "1@20"}));
  end = wal_->end();
  auto file = base::File::Open(path, O_WRONLY | O_APPEND);
  ASSERT_TRUE(file->WriteAll(whole.substr(torn.size())));
  EXPECT_EQ(Read(other), (List{"1@30"}));
}

TEST_F(WalTailTest, TellsSegmentsThatWereTruncatedAway) {
  WriteSeries(1);
  WriteSeries(2);
  auto tail = Tail(LogPosition{});
  EXPECT_EQ(Read(*tail), (List{"s1", "s2"}));
  for (int64_t t = 1; t <= 6; ++t) {
    ASSERT_TRUE(wal_->CutSegment());
    WriteSample(1, t * 10);
  }
  CheckpointOptions options;
  options.current_segment = wal_->segment();
  options.mint = 1000;
  options.keep_series = [](const SeriesEntry& entry, uint64_t) { return entry.ref == 1; };
  auto report = TruncateLog(directory_.wal(), options);
  ASSERT_TRUE(report && report->made);
  ASSERT_EQ(report->last_segment, 3u);
  // Segment 0 is still open; 1 to 3 are gone. The series of the checkpoint come once more.
  EXPECT_EQ(Read(*tail), (List{"!3", "s1", "1@40", "-2", "1@50", "1@60"}));
}

TEST_F(WalTailTest, ForgetsSeriesThatACheckpointDropped) {
  WriteSeries(1);
  WriteSeries(2);
  auto tail = Tail(LogPosition{});
  for (int64_t t = 1; t <= 6; ++t) {
    ASSERT_TRUE(wal_->CutSegment());
    WriteSample(1, t * 10);
    EXPECT_FALSE(Read(*tail).empty());
  }
  CheckpointOptions options;
  options.current_segment = wal_->segment();
  options.keep_series = [](const SeriesEntry& entry, uint64_t) { return entry.ref == 1; };
  ASSERT_TRUE(TruncateLog(directory_.wal(), options)->made);
  ASSERT_TRUE(wal_->CutSegment());
  WriteSample(1, 70);
  EXPECT_EQ(Read(*tail), (List{"-2", "1@70"}));
}

TEST_F(WalTailTest, APositionOfAnotherLogBeginsAtTheOldestSegment) {
  WriteSeries(1);
  WriteSample(1, 10);
  EXPECT_EQ(Read(*Tail(LogPosition{7, 100})), (List{"!1", "s1", "1@10"}));
}

TEST_F(WalTailTest, GoesOnBehindDamage) {
  WriteSeries(1);
  WriteSample(1, 10);
  LogPosition good = wal_->end();
  WriteSample(1, 20);
  ASSERT_TRUE(wal_->CutSegment());
  WriteSample(1, 30);
  std::string path = directory_.wal() + "/" + SegmentName(0);
  auto file = base::File::Open(path, O_WRONLY);
  ASSERT_TRUE(file->WriteAllAt("\xff", good.offset + 8));
  EXPECT_EQ(Read(*Tail(LogPosition{})), (List{"s1", "1@10", "!1", "1@30"}));
}

TEST(DbFollowLog, GivesWhatIsCommitted) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  Labels labels{{"__name__", "up"}};
  AppendOne(*db, labels, 1000, 1);
  auto log = db->FollowLog(std::nullopt);
  AppendOne(*db, labels, 2000, 2);
  LogBatch batch;
  ASSERT_TRUE(*log->Next(&batch));
  ASSERT_EQ(batch.series.size(), 1u);
  EXPECT_EQ(batch.series[0].labels, labels);
  while (batch.samples.empty()) ASSERT_TRUE(*log->Next(&batch));
  ASSERT_EQ(batch.samples.size(), 1u);
  EXPECT_EQ(batch.samples[0].t, 2000);
  EXPECT_FALSE(*log->Next(&batch));
}

}  // namespace
}  // namespace slurmscope::tsdb
