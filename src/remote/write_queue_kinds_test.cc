// What else than samples is sent, by 1.0 and 2.0.
#include "remote/write_queue_for_test.h"
#include "tsdb/histogram_test_support.h"

namespace slurmscope::remote {
namespace {

// All kinds by both versions, and what the receiver then has.
class AllKinds : public WriteQueueTest {
 protected:
  void AppendAll() {
    auto appender = db_->NewAppender();
    Labels h{{"__name__", "h"}};
    Labels m{{"__name__", "m_total"}};
    tsdb::HistogramWalk walk(7, true, true, config_.v2);
    for (int64_t t = 1000; t <= 40'000; t += 1000) {
      auto value = walk.Next();
      if (const auto* ints = std::get_if<model::IntHistogram>(&value)) {
        appender->AppendHistogram(0, h, kStart + t, *ints);
      } else {
        appender->AppendFloatHistogram(0, h, kStart + t, std::get<model::FloatHistogram>(value));
      }
      auto ref = appender->Append(0, m, kStart + t, static_cast<double>(t)).ref;
      appender->AppendExemplar(ref, m, {Labels{{"trace", StrCat(t)}}, 1.5, kStart + t, true});
    }
    ASSERT_TRUE(appender->Commit());
  }
  static std::string Histograms(tsdb::Db& db) {
    auto querier = std::move(db.NewQuerier(0, kStart * 2)).value();
    model::SelectHints hints;
    hints.end = kStart * 2;
    auto matcher = *model::Matcher::Make(model::MatchType::kEqual, "__name__", "h");
    auto set = std::move(querier->Select(true, hints, {matcher})).value();
    std::string out;
    for (size_t i = 0; i < set->size(); ++i) {
      model::Columns columns;
      EXPECT_TRUE(set->Decode(i, 0, kStart * 2, &columns));
      for (size_t k = 0; k < columns.size(); ++k) {
        const model::FloatHistogram* histogram = columns.Histogram(k);
        out += StrCat(columns.t[k], " ", histogram == nullptr ? "-" : histogram->ToString(), "\n");
      }
    }
    return out;
  }
  void Check() {
    auto queue = Start();
    AppendAll();
    EXPECT_TRUE(WaitFor([&] {
      WriteStats stats = queue->stats();
      return stats.highest_sent_ms == kStart + 40'000 && stats.kinds[kSamples].pending == 0 &&
             stats.kinds[kHistograms].pending == 0 && stats.kinds[kExemplars].pending == 0;
    }));
    std::string mine = Histograms(*db_);
    EXPECT_GT(mine.size(), 2000u);
    EXPECT_EQ(Histograms(receiver_.db()), mine);
    EXPECT_EQ(tsdb::DumpDb(receiver_.db()), tsdb::DumpDb(*db_));
    EXPECT_EQ(receiver_.stats().histograms, 40u);
    EXPECT_EQ(receiver_.stats().exemplars, 40u);
  }
};

TEST_F(AllKinds, ByOne) {
  config_.send_exemplars = true;
  config_.send_native_histograms = true;
  Check();
}

TEST_F(AllKinds, ByTwoWithMetadata) {
  config_.v2 = true;
  Check();
  http::Request request = receiver_.requests().back();
  EXPECT_EQ(request.Header("Content-Type"),
            "application/x-protobuf;proto=io.prometheus.write.v2.Request");
  EXPECT_EQ(request.Header("X-Prometheus-Remote-Write-Version"), "2.0.0");
  auto metadata = receiver_.db().MetadataOf(Labels{{"__name__", "m_total"}});
  // Families are asked for before the first series comes, and then again at the next tick.
  EXPECT_TRUE(!metadata || metadata->help == "What m is.");
}

TEST_F(AllKinds, OnlySamplesUnlessAskedFor) {
  auto queue = Start();
  AppendAll();
  EXPECT_TRUE(WaitFor([&] { return queue->stats().highest_sent_ms == kStart + 40'000; }));
  EXPECT_EQ(receiver_.stats().histograms, 0u);
  EXPECT_EQ(receiver_.stats().exemplars, 0u);
}

TEST_F(WriteQueueTest, MetadataGoesWithTheSeriesByTwo) {
  config_.v2 = true;
  auto queue = Start(20);
  Labels series{{"__name__", "m"}, {"i", "0"}};
  int64_t t = 1000;
  EXPECT_TRUE(WaitFor([&] {
    Append(t += 1000);
    auto known = receiver_.db().MetadataOf(series);
    return known && known->help == "What m is." && known->unit == "seconds";
  }));
}

TEST_F(WriteQueueTest, MetadataGoesInMessagesOfItsOwnByOne) {
  config_.metadata.send = true;
  config_.metadata.send_interval_ms = 20;
  auto queue = Start();
  EXPECT_TRUE(WaitFor([&] { return queue->stats().metadata_sent > 1; }));
  EXPECT_EQ(queue->stats().metadata_failed, 0u);
  auto message = SnappyDecode(receiver_.requests().front().body, 1 << 20);
  ASSERT_TRUE(message);
  EXPECT_NE(message->find("What m is."), std::string::npos);
}

// A receiver that knows 1.0 only takes a 2.0 message for one without series.
TEST_F(WriteQueueTest, FallsBackToOne) {
  config_.v2 = true;
  config_.queue.min_shards = 4;
  receiver_.only_v1 = true;
  auto queue = Start();
  for (int64_t t = 1000; t <= 9000; t += 1000) Append(t);
  EXPECT_TRUE(Arrived());
  EXPECT_TRUE(WaitFor([&] { return queue->stats().v1; }));
}

TEST_F(WriteQueueTest, FallsBackToOneOn415) {
  config_.v2 = true;
  receiver_.refuse = [](const http::Request& request) {
    return request.Header("Content-Type").find("v2") != std::string_view::npos ? 415 : 0;
  };
  auto queue = Start();
  for (int64_t t = 1000; t <= 9000; t += 1000) Append(t);
  EXPECT_TRUE(Arrived());
}

}  // namespace
}  // namespace slurmscope::remote
