#include "model/histogram.h"

#include <cmath>

#include <gtest/gtest.h>

#include "model/histogram_stats.h"
#include "model/histogram_sum.h"

namespace slurmscope::model {
namespace {

FloatHistogram Exponential(int32_t schema, std::vector<HistogramBucket> positive) {
  FloatHistogram h;
  h.schema = schema;
  for (const HistogramBucket& bucket : positive) h.count += bucket.count;
  h.sum = h.count * 2;
  h.positive = std::move(positive);
  return h;
}

FloatHistogram Custom(std::vector<double> bounds, std::vector<HistogramBucket> buckets) {
  FloatHistogram h = Exponential(FloatHistogram::kCustomSchema, std::move(buckets));
  h.custom_values = std::move(bounds);
  return h;
}

TEST(Histogram, BoundsOfSchemas) {
  EXPECT_EQ(BucketBound(0, 3), 8);
  EXPECT_EQ(BucketBound(-1, 1), 4);
  EXPECT_EQ(BucketBound(-4, 1), 65536);
  EXPECT_EQ(BucketBound(1, 2), 2);
  EXPECT_DOUBLE_EQ(BucketBound(1, 1), std::sqrt(2.0));
  EXPECT_DOUBLE_EQ(BucketBound(3, -1), std::exp2(-0.125));
  EXPECT_EQ(BucketBound(0, 1024), std::numeric_limits<double>::max());
  EXPECT_EQ(BucketBound(0, 1025), INFINITY);
}

TEST(Histogram, CoarserBucketsHoldTheFinerOnes) {
  for (int32_t index = -40; index < 40; ++index) {
    int32_t coarse = CoarserIndex(index, 2, 0);
    EXPECT_LE(BucketBound(2, index), BucketBound(0, coarse));
    EXPECT_GE(BucketBound(2, index - 1), BucketBound(0, coarse - 1));
  }
}

TEST(Histogram, SumReconcilesSchemas) {
  HistogramSum sum(Exponential(-1, {{1, 1}}));
  ASSERT_TRUE(sum.Add(Exponential(0, {{1, 2}, {2, 2}})));
  EXPECT_EQ(sum.Result().ToString(), "{count:5, sum:10, (1,4]:5}");
  EXPECT_EQ(sum.Result().schema, -1);
}

TEST(Histogram, SumWidensTheZeroBucketToTheEndOfACutBucket) {
  FloatHistogram a = Exponential(0, {{0, 3}, {4, 1}});  // (0.5, 1] and (8, 16]
  FloatHistogram b;
  b.zero_threshold = 0.75;
  b.zero_count = b.count = 2;
  HistogramSum sum(a);
  ASSERT_TRUE(sum.Add(b));
  EXPECT_EQ(sum.Result().zero_threshold, 1);
  EXPECT_EQ(sum.Result().zero_count, 5);
  EXPECT_EQ(sum.Result().positive, (std::vector<HistogramBucket>{{4, 1}}));
}

TEST(Histogram, SumKeepsCommonCustomBounds) {
  HistogramSum sum(Custom({1, 5, 10}, {{0, 1}, {1, 2}, {2, 3}, {3, 4}}));
  EXPECT_FALSE(sum.reconciled());
  ASSERT_TRUE(sum.Add(Custom({5, 20}, {{0, 10}, {2, 20}})));
  EXPECT_TRUE(sum.reconciled());
  EXPECT_EQ(sum.Result().ToString(), "{count:40, sum:80, [-Inf,5]:13, (5,+Inf]:27}");
  EXPECT_FALSE(sum.Add(Exponential(0, {})));
}

TEST(Histogram, SumMergesHints) {
  FloatHistogram h = Exponential(0, {{0, 1}});
  auto merged = [&](ResetHint a, ResetHint b) {
    h.hint = a;
    HistogramSum sum(h);
    h.hint = b;
    sum.Add(h);
    return std::pair(sum.Result().hint, sum.hints_conflict());
  };
  using enum ResetHint;
  EXPECT_EQ(merged(kNotReset, kNotReset), std::pair(kNotReset, false));
  EXPECT_EQ(merged(kGauge, kReset), std::pair(kGauge, false));
  EXPECT_EQ(merged(kUnknown, kReset), std::pair(kUnknown, false));
  EXPECT_EQ(merged(kNotReset, kReset), std::pair(kUnknown, true));
}

TEST(Histogram, MeanSurvivesOverflow) {
  FloatHistogram h = Exponential(0, {{0, 1.5e308}});
  HistogramMean mean;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(mean.Add(h));
  EXPECT_DOUBLE_EQ(mean.Result().count, 1.5e308);
  EXPECT_DOUBLE_EQ(mean.Result().positive[0].count, 1.5e308);
}

TEST(Histogram, Resets) {
  FloatHistogram a = Exponential(0, {{0, 2}, {1, 2}});
  FloatHistogram b = Exponential(0, {{0, 1}, {1, 4}});
  EXPECT_TRUE(b.IsResetFrom(a)) << "one bucket fell";
  EXPECT_FALSE(a.IsResetFrom(a));
  b.hint = ResetHint::kNotReset;
  EXPECT_FALSE(b.IsResetFrom(a)) << "the hint tells";
  EXPECT_TRUE(Exponential(1, {{0, 9}}).IsResetFrom(a)) << "finer schema";
  EXPECT_FALSE(Exponential(-1, {{0, 9}, {1, 9}}).IsResetFrom(a));
  EXPECT_TRUE(Custom({1}, {{0, 9}}).IsResetFrom(a));
}

TEST(Histogram, EqualityPassesOverEmptyBuckets) {
  FloatHistogram a = Exponential(0, {{0, 2}, {1, 0}, {2, 1}});
  FloatHistogram b = Exponential(0, {{0, 2}, {2, 1}, {7, 0}});
  EXPECT_TRUE(a.Equals(b));
  b.positive[1].index = 3;
  EXPECT_FALSE(a.Equals(b));
}

TEST(Histogram, DivisionByZeroLeavesNoBuckets) {
  FloatHistogram a = Exponential(0, {{0, 2}});
  a.Divide(0);
  EXPECT_TRUE(a.positive.empty());
  EXPECT_EQ(a.count, INFINITY);
}

TEST(HistogramStats, QuantilesInterpolate) {
  FloatHistogram h = Exponential(0, {{0, 1}, {1, 2}, {2, 1}});
  EXPECT_DOUBLE_EQ(HistogramQuantile(0.5, h).value, std::sqrt(2.0));
  EXPECT_EQ(HistogramQuantile(1, h).value, 4);
  EXPECT_EQ(HistogramQuantile(2, h).value, INFINITY);
  EXPECT_TRUE(std::isnan(HistogramQuantile(0.5, {}).value));
  EXPECT_EQ(HistogramQuantile(0.5, Custom({5, 10}, {{0, 1}, {1, 2}, {2, 1}})).value, 7.5);
}

TEST(HistogramStats, TrimKeepsPartsOfBuckets) {
  FloatHistogram h = Custom({5, 10}, {{0, 1}, {1, 2}, {2, 1}});
  FloatHistogram low = Trimmed(h, TrimSide::kUpper, 7.5);
  EXPECT_EQ(low.ToString(), "{count:2, sum:8.75, [-Inf,5]:1, (5,10]:1}");
  EXPECT_TRUE(Trimmed(h, TrimSide::kLower, 0).Equals(h));
  EXPECT_EQ(Trimmed(h, TrimSide::kLower, INFINITY).count, 0);
}

}  // namespace
}  // namespace slurmscope::model
