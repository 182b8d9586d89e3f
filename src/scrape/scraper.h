#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "http/client.h"
#include "model/appender.h"
#include "scrape/manager.h"
#include "scrape/metadata_table.h"
#include "scrape/scrape_target.h"
#include "scrape/timetable.h"

namespace slurmscope::scrape {

// Runs the scrapes: one thread starts what is due, the client's thread hands answers over to a few
// workers, these parse and append. Thread-safe.
class Scraper {
 public:
  Scraper(ManagerOptions options, model::Appendable& storage, http::Client& client,
          const base::Clock& clock);
  // Waits for the workers, not for answers that are still under way: those are dropped.
  ~Scraper();

  // Scrapes the target from now on, by its current interval.
  void Schedule(const std::shared_ptr<ScrapeTarget>& target);
  // The target has vanished: ends its series as soon as no scrape of it runs.
  void Retire(const std::shared_ptr<ScrapeTarget>& target);

  ScrapeCounters& counters() { return counters_; }
  FamilyPool& families() { return families_; }
  // Due times that passed while the scrape before was still running.
  uint64_t skipped() const { return skipped_; }

 private:
  // Outlives the scraper in callbacks of the client.
  struct Gate {
    std::mutex mutex;
    Scraper* scraper = nullptr;
  };

  void Run();
  void Start(const Timetable::Slot& slot);
  void Fetch(const std::shared_ptr<ScrapeTarget>& target, ScrapeStart start);
  void HandOver(const std::shared_ptr<ScrapeTarget>& target, const ScrapeStart& start,
                Result<http::ClientResponse> response);

  ManagerOptions options_;
  model::Appendable& storage_;
  http::Client& client_;
  const base::Clock& clock_;
  ScrapeCounters counters_;
  FamilyPool families_;
  std::atomic<uint64_t> skipped_{0};

  std::shared_ptr<Gate> gate_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  Timetable timetable_;
  std::unique_ptr<base::ThreadPool> workers_;
  std::thread thread_;
};

}  // namespace slurmscope::scrape
