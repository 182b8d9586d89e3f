#include "remote/shard_count.h"

#include <algorithm>
#include <cmath>

namespace slurmscope::remote {
namespace {

constexpr double kCatchUpPerSecond = 0.05;
constexpr double kTolerance = 0.3;

}  // namespace

double DesiredShards(const ShardLoad& load) {
  if (load.seconds <= 0 || load.samples_sent <= 0) return 0;
  double seconds_per_sample = load.request_seconds / load.samples_sent;
  return seconds_per_sample * (load.samples_in / load.seconds + kCatchUpPerSecond * load.pending);
}

size_t NextShardCount(double desired, size_t current, size_t min, size_t max) {
  auto now = static_cast<double>(current);
  bool near = desired >= now * (1 - kTolerance) && desired <= now * (1 + kTolerance);
  double wanted = near || desired <= 0 ? now : std::ceil(desired);
  wanted = std::clamp(wanted, static_cast<double>(min), static_cast<double>(max));
  return static_cast<size_t>(wanted);
}

}  // namespace slurmscope::remote
