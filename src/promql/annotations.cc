#include "promql/annotations.h"

#include <algorithm>

#include "base/strings.h"

namespace slurmscope::promql {

namespace {

// A query over many metrics could otherwise gather one for each of them.
constexpr size_t kMaxOfEach = 1000;

}  // namespace

void Annotations::Add(std::set<std::string>& to, std::string_view prefix, std::string_view message,
                      PosRange pos) {
  size_t offset = std::min(static_cast<size_t>(std::max(pos.start, 0)), text_.size());
  std::string_view before = text_.substr(0, offset);
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t newline = before.rfind('\n');
  size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  std::string full = base::StrCat(prefix, message, " (", line, ':', column, ')');
  std::lock_guard lock(mutex_);
  if (to.size() < kMaxOfEach) to.insert(std::move(full));
}

void Annotations::WarnOfStorage(std::string message) {
  std::lock_guard lock(mutex_);
  if (warnings_.size() < kMaxOfEach) warnings_.insert(std::move(message));
}

std::vector<std::string> Annotations::Warnings() const {
  std::lock_guard lock(mutex_);
  return {warnings_.begin(), warnings_.end()};
}

std::vector<std::string> Annotations::Infos() const {
  std::lock_guard lock(mutex_);
  return {infos_.begin(), infos_.end()};
}

}  // namespace slurmscope::promql
