#include "promql/rate_kernel.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "promql/range_window.h"

namespace slurmscope::promql {
namespace {

model::Columns RandomSeries(std::mt19937_64& random, bool odd_values) {
  model::Columns samples;
  int64_t t = static_cast<int64_t>(random() % 100'000) - 50'000;
  double v = static_cast<double>(random() % 100);
  for (uint64_t i = random() % 300; i > 0; --i) {
    t += 1 + static_cast<int64_t>(random() % (random() % 10 == 0 ? 200'000 : 16'000));
    v += static_cast<double>(random() % 1000) / 7 * static_cast<double>(random() % 2);
    if (random() % 20 == 0) v = static_cast<double>(random() % 50) / 3;
    if (odd_values && random() % 9 == 0) v = random() % 2 == 0 ? -v : NAN;
    if (odd_values && random() % 40 == 0) v = INFINITY;
    samples.Append(t, v);
    if (std::isnan(v) || std::isinf(v)) v = 5;
  }
  return samples;
}

// From the definition, window by window.
double Expected(const model::Columns& samples, int64_t start, int64_t end, bool counter,
                bool per_second) {
  std::vector<model::Sample> in;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples.t[i] > start && samples.t[i] <= end) in.push_back({samples.t[i], samples.v[i]});
  }
  if (in.size() < 2) return Absent();
  double change = in.back().v - in.front().v;
  for (size_t i = 1; counter && i < in.size(); ++i) {
    if (in[i].v < in[i - 1].v) change += in[i - 1].v;
  }
  ObservedChange observed{start,   end,    in.front().t, in.back().t, in.size(),
                          in[0].v, change, counter,      per_second};
  return change * ExtrapolationFactor(observed);
}

TEST(RateKernel, StepsSideBySideAreAsOneByOne) {
  std::mt19937_64 random(5);
  const std::vector<std::vector<double>> no_args;
  for (int round = 0; round < 400; ++round) {
    model::Columns samples = RandomSeries(random, round % 3 == 0);
    WindowPlan plan;
    plan.grid = {static_cast<int64_t>(random() % 200'000) - 100'000,
                 1 + static_cast<int64_t>(random() % 60'000), random() % 100 + 1};
    plan.range_ms = 1 + static_cast<int64_t>(random() % 400'000);
    plan.shift.offset_ms = static_cast<int64_t>(random() % 20'000) - 10'000;
    // Times that are no whole numbers as doubles go another way.
    if (round % 50 == 0) {
      for (int64_t& t : samples.t) t += int64_t{1} << 60;
      plan.grid.start += int64_t{1} << 60;
    }
    struct Kind {
      RangeKernel kernel;
      bool counter;
      bool per_second;
    };
    for (const auto& [kernel, counter, per_second] :
         {Kind{RateKernel, true, true}, Kind{IncreaseKernel, true, false},
          Kind{DeltaKernel, false, false}}) {
      std::vector<double> out(plan.grid.count, Absent());
      kernel({samples, plan, no_args}, out.data());
      for (size_t i = 0; i < out.size(); ++i) {
        double want = Expected(samples, plan.Start(i), plan.End(i), counter, per_second);
        bool both_nan =
            std::isnan(want) && std::isnan(out[i]) && IsAbsent(want) == IsAbsent(out[i]);
        ASSERT_TRUE(both_nan || std::bit_cast<uint64_t>(want) == std::bit_cast<uint64_t>(out[i]))
            << "round " << round << " step " << i << ": " << want << " and " << out[i];
      }
    }
  }
}

}  // namespace
}  // namespace slurmscope::promql
