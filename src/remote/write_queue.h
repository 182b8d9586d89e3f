#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "config/remote.h"
#include "http/client.h"
#include "model/sample_log.h"
#include "remote/metadata_sender.h"
#include "remote/write_stats.h"

namespace slurmscope::remote {

// Follows the log of a storage from a position, or from now on. Thread-safe.
using OpenLog =
    std::function<std::unique_ptr<model::SampleLog>(std::optional<model::LogPosition> from)>;

struct WriteSources {
  OpenLog open_log;
  FamilySource families;
};

// Sends what a storage takes in to one receiver by remote write, in a thread of its own: reads the
// log, relabels, queues (bounded; when the queues are full it stops reading, so that the log is the
// buffer), sends, and tries again until it is taken or refused. Up to where all is done is kept in
// a file: what comes next after a restart, even by kill -9, goes on from there, and some of it is
// sent twice. Thread-safe.
class WriteQueue {
 public:
  // How often the number of shards is looked at.
  static constexpr int64_t kTickMs = 10'000;

  // `position_file` is made when missing; then only what comes from now on is sent. Storage and
  // client must outlive it, the client until the last request has its answer.
  WriteQueue(config::RemoteWriteConfig config, std::map<std::string, std::string> external_labels,
             const std::string& position_file, WriteSources sources, http::Client& client,
             const base::Clock& clock = base::SystemClock(), int64_t tick_ms = kTickMs);
  // As Stop(kAtOnce, 0).
  ~WriteQueue();

  enum class HowToStop {
    kAtOnce,  // waits for the answers of requests under way
    kFlush,   // sends all that the log has, unless the receiver fails
  };
  // Begins to stop, which takes at most so long.
  void BeginStop(HowToStop how, int64_t at_most_ms);
  // The same, and waits for it. The file then has all that was taken.
  void Stop(HowToStop how, int64_t at_most_ms);

  const config::RemoteWriteConfig& config() const;
  WriteStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slurmscope::remote
