#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/strings.h"

namespace slurmscope::app {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr const char* kClearLine = "\r\033[K";

}  // namespace

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      next_ns_(clock_.SteadyNs() + 2 * kSecondNs) {}

Progress::~Progress() {
  if (shown_ && terminal_) std::fputs(kClearLine, stderr);
}

void Progress::Update(uint64_t done, uint64_t total, std::string_view note) {
  int64_t now = clock_.SteadyNs();
  if (now < next_ns_) return;
  next_ns_ = now + (terminal_ ? kSecondNs / 2 : 10 * kSecondNs);
  shown_ = true;
  double part = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
  std::string line = base::StrCat(what_, ": ", static_cast<int>(std::min(part, 1.0) * 100), "%",
                                  note.empty() ? "" : ", ", note);
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
}

}  // namespace slurmscope::app
