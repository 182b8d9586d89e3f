#include "remote/write_manager.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::remote {
namespace {

using config::RemoteWriteConfig;

// A reload waits at most so long for requests of queues that end.
constexpr int64_t kHandOverMs = 10'000;

const RemoteWriteConfig* FindByName(const std::vector<RemoteWriteConfig>& configs,
                                    const std::string& name) {
  auto it = std::find_if(configs.begin(), configs.end(),
                         [&](const RemoteWriteConfig& config) { return config.name == name; });
  return it == configs.end() ? nullptr : &*it;
}

void Tell(std::string_view what, const base::Result<void>& result) {
  if (!result) base::LogError(what, {{"error", result.error()}});
}

}  // namespace

WriteManager::WriteManager(std::string directory, WriteSources sources, http::Client& client,
                           int64_t flush_deadline_ms, const base::Clock& clock)
    : directory_(std::move(directory)),
      sources_(std::move(sources)),
      client_(client),
      flush_deadline_ms_(flush_deadline_ms),
      clock_(clock) {}

WriteManager::~WriteManager() {
  for (auto& [name, queue] : queues_)
    queue->BeginStop(WriteQueue::HowToStop::kFlush, flush_deadline_ms_);
  for (auto& [name, queue] : queues_)
    queue->Stop(WriteQueue::HowToStop::kFlush, flush_deadline_ms_);
}

// A name is any text; a file name is not.
std::string WriteManager::PositionPath(const std::string& name) const {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string path = directory_ + "/";
  uint64_t hash = base::Hash64(name);
  for (int digit = 0; digit < 16; ++digit, hash >>= 4) path += kHex[hash & 15];
  return path;
}

void WriteManager::StopChanged(const std::vector<RemoteWriteConfig>& configs, bool labels_changed) {
  Queues ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = queues_.begin(); it != queues_.end();) {
      const RemoteWriteConfig* config = FindByName(configs, it->first);
      bool same = config != nullptr && config->identity == it->second->config().identity;
      if (same && !labels_changed) {
        ++it;
      } else {
        ended.insert(queues_.extract(it++));
      }
    }
  }
  for (auto& [name, queue] : ended) queue->BeginStop(WriteQueue::HowToStop::kAtOnce, kHandOverMs);
  for (auto& [name, queue] : ended) queue->Stop(WriteQueue::HowToStop::kAtOnce, kHandOverMs);
  // One that has another name now goes on, too.
  std::set<std::string> taken;
  for (const auto& [name, queue] : ended) {
    if (FindByName(configs, name) != nullptr) continue;
    for (const RemoteWriteConfig& config : configs) {
      bool fresh = !ended.contains(config.name) && !queues_.contains(config.name);
      if (!fresh || config.url != queue->config().url || !taken.insert(config.name).second)
        continue;
      Tell("cannot go on where a queue of remote write stopped",
           base::RenameFile(PositionPath(name), PositionPath(config.name)));
      break;
    }
  }
}

// A position of an entry that is no longer there would be an old one when it comes back.
void WriteManager::RemoveOtherFiles(const std::vector<RemoteWriteConfig>& configs) {
  std::set<std::string> known;
  for (const RemoteWriteConfig& config : configs) known.insert(PositionPath(config.name));
  auto names = base::ListDirectory(directory_);
  if (!names) return;
  for (const std::string& name : *names) {
    std::string path = base::StrCat(directory_, "/", name);
    if (!known.contains(path)) Tell("cannot remove a file of remote write", base::RemoveFile(path));
  }
}

void WriteManager::Apply(const std::vector<RemoteWriteConfig>& configs,
                         const std::map<std::string, std::string>& external_labels) {
  const std::lock_guard one_at_a_time(apply_mutex_);
  StopChanged(configs, external_labels != external_labels_);
  external_labels_ = external_labels;
  if (!configs.empty())
    Tell("cannot keep up to where samples are sent", base::MakeDirectories(directory_));
  RemoveOtherFiles(configs);
  for (const RemoteWriteConfig& config : configs) {
    if (queues_.contains(config.name)) continue;
    auto queue = std::make_unique<WriteQueue>(config, external_labels, PositionPath(config.name),
                                              sources_, client_, clock_);
    const std::lock_guard lock(mutex_);
    queues_.emplace(config.name, std::move(queue));
  }
}

std::vector<WriteStats> WriteManager::stats() const {
  const std::lock_guard lock(mutex_);
  std::vector<WriteStats> all;
  for (const auto& [name, queue] : queues_) all.push_back(queue->stats());
  return all;
}

}  // namespace slurmscope::remote
