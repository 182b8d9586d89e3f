#include "scrape/scrape_times.h"

namespace slurmscope::scrape {

void ScrapeTimes::Observe(int64_t interval_ms, double seconds, int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (by_interval_.size() >= kMaxIntervals && !by_interval_.contains(interval_ms)) return;
  by_interval_[interval_ms].Observe(seconds, now_ns);
}

std::vector<ScrapeTimes::Values> ScrapeTimes::Read(const std::vector<double>& ranks,
                                                   int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  std::vector<Values> all;
  for (const auto& [interval, summary] : by_interval_)
    all.push_back({interval, summary.Read(ranks, now_ns)});
  return all;
}

}  // namespace slurmscope::scrape
