#include "base/duration_summary.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slurmscope::base {
namespace {

constexpr int64_t kMinute = int64_t{60} * 1'000'000'000;

TEST(DurationSummary, SumCountAndQuantiles) {
  DurationSummary summary;
  for (int i = 1; i <= 100; ++i) summary.Observe(i * 0.01, kMinute);
  const auto values = summary.Read({0, 0.5, 0.99, 1}, 2 * kMinute);
  EXPECT_NEAR(values.sum, 50.5, 1e-9);
  EXPECT_EQ(values.count, 100U);
  EXPECT_NEAR(values.quantiles[0], 0.01, 0.0002);
  EXPECT_NEAR(values.quantiles[1], 0.5, 0.005 + 0.01);
  EXPECT_NEAR(values.quantiles[2], 0.99, 0.02);
  EXPECT_NEAR(values.quantiles[3], 1, 0.01);
}

TEST(DurationSummary, ForgetsWhatIsOld) {
  DurationSummary summary;
  EXPECT_TRUE(std::isnan(summary.Read({0.5}, 0).quantiles[0]));
  summary.Observe(5, kMinute);
  summary.Observe(1, 7 * kMinute);
  EXPECT_NEAR(summary.Read({1}, 8 * kMinute).quantiles[0], 5, 0.05);
  EXPECT_NEAR(summary.Read({1}, 13 * kMinute).quantiles[0], 1, 0.01);
  const auto late = summary.Read({0.5}, 60 * kMinute);
  EXPECT_TRUE(std::isnan(late.quantiles[0]));
  EXPECT_EQ(late.count, 2U);
  EXPECT_EQ(late.sum, 6);
}

TEST(DurationSummary, TakesAnySize) {
  DurationSummary summary;
  for (double seconds : {0.0, -1.0, 1e-300, 1e300}) summary.Observe(seconds, 0);
  const auto values = summary.Read({0.5, 1}, 0);
  EXPECT_EQ(values.quantiles[0], 0);
  EXPECT_NEAR(values.quantiles[1] / 1e300, 1, 0.02);
}

}  // namespace
}  // namespace slurmscope::base
