#include "base/line_log.h"

#include <fcntl.h>

#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::base {
namespace {

constexpr mode_t kMode = 0640;

}  // namespace

Result<void> LineLog::Open(const std::string& path) {
  File file;
  if (!path.empty()) file = TRY(File::Open(path, O_WRONLY | O_CREAT | O_APPEND, kMode));
  const std::lock_guard lock(mutex_);
  path_ = path;
  file_ = std::move(file);
  failing_ = false;
  enabled_ = file_.is_open();
  return {};
}

void LineLog::Write(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (!file_.is_open()) return;
  auto written = file_.WriteAll(line);
  const bool first = !written && !failing_;
  failing_ = !written.has_value();
  if (!written) failures_.fetch_add(1, std::memory_order_relaxed);
  if (first) {
    LogError(StrCat(what_, " cannot be written; further failures are only counted"),
             {{"file", path_}, {"error", written.error()}});
  }
}

}  // namespace slurmscope::base
