#include "scrape/failure_log.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/json_writer.h"
#include "base/log.h"

namespace slurmscope::scrape {

void FailureLog::Write(std::string_view job, std::string_view target, std::string_view error) {
  std::string line;
  base::JsonWriter(line)
      .BeginObject()
      .Field("time", base::FormatRfc3339Ms(base::SystemClock().NowMs()))
      .Field("level", "ERROR")
      .Field("msg", error)
      .Field("job_name", job)
      .Field("target", target)
      .EndObject();
  log_.Write(line + '\n');
}

std::shared_ptr<FailureLog> FailureLogs::Get(const std::string& path) {
  if (path.empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  std::shared_ptr<FailureLog>& log = logs_[path];
  if (log) return log;
  auto made = std::make_shared<FailureLog>();
  if (auto opened = made->Open(path); !opened) {
    base::LogError("scrape failure log cannot be opened",
                   {{"file", path}, {"error", opened.error()}});
    return nullptr;
  }
  log = std::move(made);
  return log;
}

void FailureLogs::Reopen() {
  const std::lock_guard lock(mutex_);
  std::erase_if(logs_, [](const auto& each) { return each.second.use_count() <= 1; });
  for (const auto& [path, log] : logs_) {
    if (auto opened = log->Open(path); !opened) {
      base::LogError("scrape failure log cannot be opened",
                     {{"file", path}, {"error", opened.error()}});
    }
  }
}

}  // namespace slurmscope::scrape
