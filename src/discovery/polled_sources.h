#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "config/prometheus.h"
#include "discovery/discovery.h"
#include "discovery/source.h"

namespace slurmscope::discovery {

// The sources of all jobs, each asked anew a refresh interval after it was asked before, but those
// that follow by themselves; keeps the last good groups of each. Belongs to one thread; answers
// come in on others and wait.
class PolledSources {
 public:
  // `wake` is called from any thread when an answer waits.
  PolledSources(SourceContext context, std::function<void()> wake);
  ~PolledSources();
  PolledSources(const PolledSources&) = delete;
  PolledSources& operator=(const PolledSources&) = delete;

  // Takes a new configuration. Entries that a job had before go on as they are; new ones are due at
  // once. Without a client there are only those by DNS.
  void Apply(const std::vector<config::ScrapeConfig>& configs);
  // Asks those that are due.
  void StartDue(int64_t now_ms);
  // When the next one is due; INT64_MAX when none is.
  int64_t next_due_ms() const;
  // Takes in what came. What changed: nothing, something, or a source's first groups.
  enum class Change { kNone, kSome, kFirst };
  Change TakeAnswers(int64_t now_ms);
  void AppendGroups(const std::string& job, std::vector<config::TargetGroup>* out) const;

  // Thread-safe are these: refreshes by mechanism and job, of those that do not follow.
  std::vector<RefreshStats> stats(int64_t now_ms) const;

 private:
  struct Entry {
    std::string key;  // kind, job and settings
    std::string job;
    std::string mechanism;
    int64_t interval_ms = 0;
    std::shared_ptr<Source> source;
    int64_t next_ms = 0;
    int64_t asked_ms = 0;
    bool running = false;
    bool answered = false;
    uint64_t number = 0;
    Source::Groups groups;
  };
  // Where answers wait; outlives the sources.
  struct Mailbox {
    std::mutex mutex;
    std::function<void()> wake;  // null: nobody waits any more
    std::vector<std::pair<uint64_t, Result<Source::Groups>>> answers;
  };
  void Add(std::string kind, const std::string& job, const std::string& identity,
           int64_t interval_ms, const std::function<std::shared_ptr<Source>()>& make,
           std::vector<Entry>* entries);
  void Start(Entry& entry, int64_t now_ms);
  Change Take(Entry& entry, Result<Source::Groups> answer, int64_t now_ms);

  const SourceContext context_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::vector<Entry> entries_;
  uint64_t next_number_ = 0;
  mutable std::mutex stats_mutex_;
  struct Refreshes {
    uint64_t failures = 0;
    base::DurationSummary durations;
  };
  // By mechanism and job.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Refreshes>> stats_;
};

}  // namespace slurmscope::discovery
