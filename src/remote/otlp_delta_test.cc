// OTLP whose points say what came since the one before, and since when sums add up.
#include <gtest/gtest.h>

#include "base/float_text.h"
#include "base/strings.h"
#include "remote/otlp_receiver.h"
#include "tsdb/test_support.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;

constexpr int64_t kT = 1'700'000'000;  // seconds

class OtlpDeltaTest : public testing::Test {
 protected:
  void SetUp() override {
    tsdb::DbOptions options;
    options.path = directory_.path() + "/data";
    options.metadata_records = true;
    options.compaction_interval_ms = 0;
    db_ = std::move(tsdb::Db::Open(options)).value();
  }
  void Start(OtlpOptions options) {
    receiver_ = std::make_unique<OtlpReceiver>(*db_, clock_, config::OtlpConfig{}, options);
  }
  // A metric of delta temporality with one point, from `start` to `t` seconds after kT. Gives the
  // number of points refused.
  uint64_t Post(const std::string& kind, int64_t start, int64_t t, const std::string& value,
                int temporality = 1, const std::string& rest = "") {
    http::Request request;
    request.headers = {{"Content-Type", "application/json"}};
    request.body =
        StrCat(R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m",")", kind,
               R"(":{"aggregationTemporality":)", temporality, rest,
               R"(,"dataPoints":[{"startTimeUnixNano":")", kT + start,
               R"(000000000","timeUnixNano":")", kT + t, "000000000\",", value, "}]}}]}]}]}");
    const uint64_t before = receiver_->stats().rejected;
    last_ = receiver_->Handle(request);
    EXPECT_EQ(last_.status, 200) << last_.body;
    return receiver_->stats().rejected - before;
  }
  uint64_t PostSum(int64_t start, int64_t t, double value, int temporality = 1) {
    return Post("sum", start, t,
                StrCat("\"asDouble\":", base::FormatFloat(value, base::FloatStyle::kExposition)),
                temporality, ",\"isMonotonic\":true");
  }
  // "t value" of each sample of a series, t in seconds after kT.
  std::string Samples(const std::string& name) {
    auto querier = std::move(db_->NewQuerier(0, kT * 2000)).value();
    model::SelectHints hints;
    hints.end = kT * 2000;
    auto matcher = *model::Matcher::Make(model::MatchType::kEqual, "__name__", name);
    auto set = std::move(querier->Select(true, hints, {matcher})).value();
    std::string out;
    for (size_t i = 0; i < set->size(); ++i) {
      model::Columns columns;
      EXPECT_TRUE(set->Decode(i, 0, kT * 2000, &columns));
      for (size_t k = 0; k < columns.size(); ++k) {
        const model::FloatHistogram* h = columns.Histogram(k);
        base::StrAppend(out, out.empty() ? "" : ", ", columns.t[k] / 1000 - kT, " ",
                        h != nullptr ? h->ToString()
                        : model::IsStale(columns.v[k])
                            ? "stale"
                            : base::FormatFloat(columns.v[k], base::FloatStyle::kExposition));
      }
    }
    return out;
  }

  tsdb::TestDirectory directory_;
  base::FakeClock clock_{(kT + 60) * 1000};
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<OtlpReceiver> receiver_;
  http::Response last_;
};

TEST_F(OtlpDeltaTest, RefusedWithTheReasonUnlessAskedFor) {
  Start({});
  EXPECT_EQ(PostSum(0, 10, 5), 1u);
  EXPECT_NE(last_.body.find("--enable-feature=otlp-deltatocumulative"), std::string::npos);
  EXPECT_EQ(PostSum(0, 10, 5, 0), 1u);
  EXPECT_NE(last_.body.find("no temporality"), std::string::npos);
  EXPECT_EQ(Samples("m_total"), "");
}

TEST_F(OtlpDeltaTest, StoredAsTheyAre) {
  Start({OtlpDelta::kAsTheyAre, true});
  EXPECT_EQ(PostSum(0, 10, 5), 0u);
  EXPECT_EQ(PostSum(10, 20, 3), 0u);
  EXPECT_EQ(Samples("m_total"), "10 5, 20 3") << "no zero, as they do not add up from a start";
  auto metadata = db_->MetadataOf(model::Labels{{"__name__", "m_total"}});
  EXPECT_EQ(metadata ? metadata->type : model::MetricType::kUnknown, model::MetricType::kUnknown);
  EXPECT_EQ(Post("exponentialHistogram", 0, 10,
                 R"("count":"3","sum":4,"scale":0,"positive":{"bucketCounts":["3"]})"),
            0u);
  EXPECT_EQ(Post("exponentialHistogram", 10, 20,
                 R"("count":"1","sum":1,"scale":0,"positive":{"bucketCounts":["1"]})"),
            0u);
  EXPECT_EQ(Samples("m"), "10 {count:3, sum:4, (1,2]:3}, 20 {count:1, sum:1, (1,2]:1}");
}

TEST_F(OtlpDeltaTest, AddedUp) {
  Start({OtlpDelta::kAddedUp, false});
  EXPECT_EQ(PostSum(0, 10, 5), 0u);
  EXPECT_EQ(PostSum(10, 20, 3), 0u);
  EXPECT_EQ(PostSum(10, 20, 3), 1u) << "the same once more";
  EXPECT_EQ(PostSum(-10, 25, 3), 1u) << "from before the first";
  EXPECT_EQ(PostSum(20, 30, 0.5), 0u);
  EXPECT_EQ(Samples("m_total"), "10 5, 20 8, 30 8.5");
  EXPECT_EQ(receiver_->stats().delta_series, 1u);
  EXPECT_EQ(PostSum(30, 40, 4, 2), 0u) << "of cumulative temporality: as it is";
  EXPECT_EQ(Samples("m_total"), "10 5, 20 8, 30 8.5, 40 4");
}

TEST_F(OtlpDeltaTest, ASeriesBeginsAnewAfterAPause) {
  Start({OtlpDelta::kAddedUp, false});
  PostSum(0, 10, 5);
  clock_.Advance(OtlpTotals::kStaleMs + 1000);
  EXPECT_EQ(PostSum(300, 310, 2), 0u);
  EXPECT_EQ(Samples("m_total"), "10 5, 310 2");
  EXPECT_EQ(Post("sum", 310, 320, R"("flags":1)", 1, ",\"isMonotonic\":true"), 0u);
  EXPECT_EQ(receiver_->stats().delta_series, 0u);
  EXPECT_EQ(Samples("m_total"), "10 5, 310 2, 320 stale");
}

TEST_F(OtlpDeltaTest, HistogramsAddUp) {
  Start({OtlpDelta::kAddedUp, false});
  const auto classic = [](int n, const char* bounds) {
    return StrCat("\"count\":\"", 3 * n, "\",\"sum\":", n, ",\"bucketCounts\":[\"", n, "\",\"",
                  2 * n, "\"],\"explicitBounds\":[", bounds, "]");
  };
  EXPECT_EQ(Post("histogram", 0, 10, classic(1, "0.5")), 0u);
  EXPECT_EQ(Post("histogram", 10, 20, classic(2, "0.5")), 0u);
  EXPECT_EQ(Samples("m_count"), "10 3, 20 9");
  EXPECT_EQ(Samples("m_sum"), "10 1, 20 3");
  EXPECT_EQ(Samples("m_bucket"), "10 3, 20 9, 10 1, 20 3");
  EXPECT_EQ(Post("histogram", 20, 30, classic(1, "0.7")), 0u) << "other buckets: from nothing";
  EXPECT_EQ(Samples("m_count"), "10 3, 20 9, 30 3");
}

TEST_F(OtlpDeltaTest, ExponentialHistogramsAddUpAtTheCoarserScale) {
  Start({OtlpDelta::kAddedUp, false});
  EXPECT_EQ(Post("exponentialHistogram", 0, 10,
                 R"("count":"4","sum":4,"scale":1,"zeroCount":"1",)"
                 R"("positive":{"offset":-1,"bucketCounts":["1","2"]})"),
            0u);
  EXPECT_EQ(Post("exponentialHistogram", 10, 20,
                 R"("count":"3","sum":1,"scale":0,"positive":{"offset":1,"bucketCounts":["2"]},)"
                 R"("negative":{"offset":0,"bucketCounts":["1"]})"),
            0u);
  EXPECT_EQ(Samples("m"),
            "10 {count:4, sum:4, [-1e-128,1e-128]:1, (0.7071067811865476,1]:1, "
            "(1,1.4142135623730951]:2}, "
            "20 {count:7, sum:5, [-2,-1):1, [-1e-128,1e-128]:1, (0.5,1]:1, (1,2]:2, (2,4]:2}");
}

TEST_F(OtlpDeltaTest, CumulativeOnesBeginWithAZeroWhenAskedTo) {
  Start({OtlpDelta::kRefused, true});
  EXPECT_EQ(PostSum(0, 10, 5, 2), 0u);
  EXPECT_EQ(PostSum(0, 20, 6, 2), 0u);
  EXPECT_EQ(PostSum(25, 30, 1, 2), 0u);
  EXPECT_EQ(Samples("m_total"), "0 0, 10 5, 20 6, 25 0, 30 1");
  EXPECT_EQ(Post("exponentialHistogram", 0, 10,
                 R"("count":"3","sum":4,"scale":0,"positive":{"bucketCounts":["3"]})", 2),
            0u);
  EXPECT_EQ(Samples("m"), "0 {count:0, sum:0}, 10 {count:3, sum:4, (1,2]:3}");
  EXPECT_EQ(Post("gauge", 0, 20, R"("asInt":"7")"), 0u);
  EXPECT_EQ(receiver_->stats().rejected, 0u);
}

// Without a receiver: what is not kept, and bounds.
class OtlpTotalsTest : public testing::Test {
 protected:
  static OtlpPoint Point(uint64_t start, uint64_t t, double value) {
    OtlpPoint point;
    point.start_ns = start;
    point.time_ns = t;
    point.value = value;
    return point;
  }
  base::FakeClock clock_{kT * 1000};
};

TEST_F(OtlpTotalsTest, WhatIsNotKeptIsNotThere) {
  OtlpTotals totals(clock_);
  {
    OtlpTotals::Request request(totals);
    EXPECT_EQ(request.Add(OtlpKind::kSum, "a", Point(1, 2, 5))->value, 5);
    request.Keep();
  }
  {
    OtlpTotals::Request request(totals);
    EXPECT_EQ(request.Add(OtlpKind::kSum, "a", Point(2, 3, 5))->value, 10);
    EXPECT_EQ(request.Add(OtlpKind::kSum, "a", Point(3, 4, 5))->value, 15);
    EXPECT_EQ(request.Add(OtlpKind::kSum, "b", Point(2, 3, 5))->value, 5);
  }
  EXPECT_EQ(totals.series(), 1u);
  OtlpTotals::Request request(totals);
  auto again = request.Add(OtlpKind::kSum, "a", Point(2, 3, 5));
  EXPECT_EQ(again->value, 10);
  EXPECT_EQ(again->start_ns, 1u);
}

TEST_F(OtlpTotalsTest, BoundsOfMemory) {
  OtlpTotals totals(clock_, 1000);
  OtlpTotals::Request request(totals);
  EXPECT_TRUE(request.Add(OtlpKind::kSum, "a", Point(1, 2, 5)));
  EXPECT_TRUE(request.Add(OtlpKind::kSum, "b", Point(1, 2, 5)));
  EXPECT_TRUE(request.Add(OtlpKind::kSum, "c", Point(1, 2, 5)));
  auto more = request.Add(OtlpKind::kSum, "d", Point(1, 2, 5));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), base::ErrorCode::kResourceExhausted);
  EXPECT_EQ(request.Add(OtlpKind::kSum, "a", Point(2, 3, 5))->value, 10);
}

TEST_F(OtlpTotalsTest, BucketsFarFromEachOtherAreNotFilledIn) {
  OtlpTotals totals(clock_);
  OtlpTotals::Request request(totals);
  OtlpPoint low = Point(1, 2, 0);
  low.scale = 20;
  low.positive = {-1'000'000'000, {1}};
  OtlpPoint high = Point(2, 3, 0);
  high.scale = 20;
  high.positive = {1'000'000'000, {1}};
  const auto first = request.Add(OtlpKind::kExponentialHistogram, "a", low);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->scale, 8);
  const auto sum = request.Add(OtlpKind::kExponentialHistogram, "a", high);
  ASSERT_TRUE(sum) << sum.error().message();
  EXPECT_EQ(sum->scale, -4);
  EXPECT_LE(sum->positive.counts.size(), OtlpTotals::kMaxBuckets);
  OtlpPoint far = Point(3, 4, 0);
  far.scale = 0;
  far.positive = {2'000'000'000, {1}};
  EXPECT_FALSE(request.Add(OtlpKind::kExponentialHistogram, "a", far));
}

}  // namespace
}  // namespace slurmscope::remote
