#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/remote.h"
#include "remote/write_queue.h"

namespace slurmscope::remote {

// The queues of all receivers that the configuration names. Thread-safe.
class WriteManager {
 public:
  // `directory` is made when there is something to be kept in it: a file for each receiver. Storage
  // and client must outlive it, the client until its last request has its answer.
  WriteManager(std::string directory, WriteSources sources, http::Client& client,
               int64_t flush_deadline_ms, const base::Clock& clock = base::SystemClock());
  // Sends what the log has, at most for the flush deadline; what is left is sent after the next
  // start.
  ~WriteManager();

  // Queues whose entries are as before go on; an entry that changed goes on where its queue
  // stopped, which is found by name, else by URL. Waits some seconds for requests under way.
  void Apply(const std::vector<config::RemoteWriteConfig>& configs,
             const std::map<std::string, std::string>& external_labels);

  std::vector<WriteStats> stats() const;

 private:
  using Queues = std::map<std::string, std::unique_ptr<WriteQueue>>;  // by name

  std::string PositionPath(const std::string& name) const;
  void StopChanged(const std::vector<config::RemoteWriteConfig>& configs, bool labels_changed);
  void RemoveOtherFiles(const std::vector<config::RemoteWriteConfig>& configs);

  const std::string directory_;
  const WriteSources sources_;
  http::Client& client_;
  const int64_t flush_deadline_ms_;
  const base::Clock& clock_;
  std::mutex apply_mutex_;  // one Apply at a time; taken before the other
  std::map<std::string, std::string> external_labels_;
  mutable std::mutex mutex_;  // for the queues
  Queues queues_;
};

}  // namespace slurmscope::remote
