#include "remote/delivery.h"

#include <algorithm>
#include <unordered_map>

namespace slurmscope::remote {
namespace {

// Few requests where all was seen before, and few where one boundary is to be found.
constexpr size_t kPartsAtOnce = 8;

}  // namespace

Delivery::Delivery(std::vector<OutgoingItem> items) : items_(std::move(items)) {
  if (!items_.empty()) parts_.emplace_back(0, items_.size());
}

// The first items of all series, then the second ones, ...
bool Delivery::SplitByRounds() {
  std::unordered_map<const OutgoingSeries*, size_t> of_series;
  std::vector<std::vector<OutgoingItem>> rounds;
  for (OutgoingItem& item : items_) {
    size_t round = of_series[item.series.get()]++;
    if (round == rounds.size()) rounds.emplace_back();
    rounds[round].push_back(std::move(item));
  }
  items_.clear();
  parts_.clear();
  for (std::vector<OutgoingItem>& round : rounds) {
    parts_.emplace_back(items_.size(), items_.size() + round.size());
    std::move(round.begin(), round.end(), std::back_inserter(items_));
  }
  by_rounds_ = true;
  return parts_.size() > 1;
}

bool Delivery::Split() {
  if (part_size() == 1) return false;
  if (!by_rounds_ && SplitByRounds()) return true;
  auto [begin, end] = parts_.front();
  parts_.pop_front();
  size_t step = std::max<size_t>(1, (end - begin + kPartsAtOnce - 1) / kPartsAtOnce);
  std::vector<std::pair<size_t, size_t>> smaller;
  for (size_t at = begin; at < end; at += step) smaller.emplace_back(at, std::min(at + step, end));
  parts_.insert(parts_.begin(), smaller.begin(), smaller.end());
  return true;
}

}  // namespace slurmscope::remote
