#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "remote/ack_tracker.h"
#include "remote/position_file.h"
#include "remote/shard_count.h"
#include "remote/write_encoder.h"
#include "remote/write_message.h"

namespace slurmscope::remote {
namespace {

using model::Labels;

class PositionFileTest : public testing::Test {
 protected:
  PositionFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "position.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/p";
  }
  ~PositionFileTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  std::string path_;
};

TEST_F(PositionFileTest, KeepsWhatWasStoredLast) {
  {
    PositionFile file = *PositionFile::Open(path_);
    EXPECT_FALSE(file.position());
    for (uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(file.Store({i, i * 100}));
  }
  PositionFile file = *PositionFile::Open(path_);
  EXPECT_EQ(file.position(), (model::LogPosition{5, 500}));
  ASSERT_TRUE(file.Store({6, 0}));
  EXPECT_EQ(PositionFile::Open(path_)->position(), (model::LogPosition{6, 0}));
}

TEST_F(PositionFileTest, ATornWriteLeavesTheOneBefore) {
  PositionFile file = *PositionFile::Open(path_);
  ASSERT_TRUE(file.Store({1, 10}));
  ASSERT_TRUE(file.Store({2, 20}));
  std::string good = *base::ReadFile(path_);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] ^= 1;
    auto stored = DecodePositionFile(bytes);
    ASSERT_TRUE(stored) << at;
    // Number 2 is in the first slot.
    EXPECT_EQ(stored->position.segment, at < 28 ? 1u : 2u) << at;
  }
  EXPECT_FALSE(DecodePositionFile(""));
  EXPECT_FALSE(DecodePositionFile(std::string(56, '\0')));
}

model::IntHistogram Whole() {
  model::IntHistogram h;
  h.schema = 1;
  h.zero_threshold = 0.001;
  h.zero_count = 2;
  h.count = 12;
  h.sum = -3.5;
  h.positive = {{-1, 5}, {0, 1}, {7, 3}};
  h.negative = {{2, 1}};
  return h;
}

OutgoingItem Item(const std::shared_ptr<const OutgoingSeries>& series, int64_t t, double v) {
  OutgoingItem item;
  item.series = series;
  item.t = t;
  item.value = v;
  return item;
}

// What a receiver gets out of a message, as text.
std::string Received(WriteVersion version, const std::vector<OutgoingItem>& items) {
  std::string message = EncodeWrite(version, items.data(), items.size());
  std::string out;
  auto take = [&](WriteSeries& series) {
    out += Labels::FromPairs(series.labels).ToString();
    for (const model::Sample& sample : series.samples)
      out += " " + std::to_string(static_cast<int>(sample.v)) + "@" + std::to_string(sample.t);
    for (const WriteHistogram& entry : series.histograms) {
      bool whole = std::holds_alternative<model::IntHistogram>(entry.histogram);
      EXPECT_TRUE(!whole || std::get<0>(entry.histogram).Equals(Whole()));
      EXPECT_TRUE(whole || std::get<1>(entry.histogram).Equals(Whole().ToFloat()));
      out += std::string(whole ? " H@" : " F@") + std::to_string(entry.t);
    }
    for (const WriteExemplar& exemplar : series.exemplars)
      out += " " + Labels::FromPairs(exemplar.labels).ToString() + "#" + std::to_string(exemplar.t);
    if (series.metadata) out += " (" + series.metadata->help + ")";
    out += "\n";
  };
  auto decoded =
      version == WriteVersion::kV1 ? DecodeWriteV1(message, take) : DecodeWriteV2(message, take);
  EXPECT_TRUE(decoded);
  return out;
}

TEST(WriteEncoder, WhatIsWrittenIsRead) {
  auto a = std::make_shared<const OutgoingSeries>(
      OutgoingSeries{1,
                     EncodeLabels(Labels{{"__name__", "a"}, {"x", "y"}}),
                     {model::MetricType::kCounter, "", "help of a"}});
  auto b = std::make_shared<const OutgoingSeries>(
      OutgoingSeries{2, EncodeLabels(Labels{{"__name__", "b"}}), {}});
  std::vector<OutgoingItem> items;
  items.push_back(Item(b, 10, 1));
  items.push_back(Item(a, 10, 2));
  items.push_back(Item(b, 20, 3));
  items.push_back(Item(a, 20, 0));
  items.back().value = std::make_unique<OutgoingHistogram>(Whole());
  items.push_back(Item(a, 30, 0));
  items.back().value = std::make_unique<OutgoingHistogram>(Whole().ToFloat());
  items.push_back(Item(a, 30, 0));
  items.back().value =
      std::make_unique<model::Exemplar>(model::Exemplar{Labels{{"trace", "t1"}}, 5, 30, true});
  items.push_back(Item(a, 40, 4));
  EXPECT_EQ(Received(WriteVersion::kV1, items),
            "a{x=\"y\"} 2@10\na{x=\"y\"} H@20 F@30 {trace=\"t1\"}#30\na{x=\"y\"} 4@40\n"
            "b 1@10 3@20\n");
  EXPECT_EQ(Received(WriteVersion::kV2, items),
            "a{x=\"y\"} 2@10 (help of a)\na{x=\"y\"} H@20 F@30 {trace=\"t1\"}#30 (help of a)\n"
            "a{x=\"y\"} 4@40 (help of a)\nb 1@10 3@20\n");
}

TEST(AckTracker, GoesAsFarAsTheOldestThatIsOnItsWay) {
  AckTracker tracker;
  uint64_t a = tracker.Add({0, 10}, 2);
  uint64_t b = tracker.Add({0, 20}, 1);
  tracker.Add({0, 25}, 0);
  EXPECT_FALSE(tracker.TakeAcknowledged());
  tracker.Done(b);
  tracker.Done(a);
  EXPECT_FALSE(tracker.TakeAcknowledged());
  tracker.Done(a);
  EXPECT_EQ(tracker.TakeAcknowledged(), (model::LogPosition{0, 25}));
  EXPECT_FALSE(tracker.TakeAcknowledged());
  tracker.Add({1, 5}, 0);
  EXPECT_EQ(tracker.TakeAcknowledged(), (model::LogPosition{1, 5}));
  uint64_t c = tracker.Add({1, 9}, 1);
  tracker.Done(c);
  EXPECT_EQ(tracker.TakeAcknowledged(), (model::LogPosition{1, 9}));
}

TEST(ShardCount, GrowsWithLoadAndBacklog) {
  ShardLoad load{10, 10'000, 10'000, 20, 0};  // 2 ms a sample, 1000 a second
  EXPECT_DOUBLE_EQ(DesiredShards(load), 2);
  load.pending = 100'000;
  EXPECT_DOUBLE_EQ(DesiredShards(load), 12);
  load.samples_sent = 0;
  EXPECT_EQ(DesiredShards(load), 0);
  EXPECT_EQ(NextShardCount(12, 2, 1, 50), 12u);
  EXPECT_EQ(NextShardCount(12, 2, 1, 8), 8u);
  EXPECT_EQ(NextShardCount(2.5, 2, 1, 50), 2u);
  EXPECT_EQ(NextShardCount(0, 7, 1, 50), 7u);
  EXPECT_EQ(NextShardCount(0.1, 7, 2, 50), 2u);
}

}  // namespace
}  // namespace slurmscope::remote
