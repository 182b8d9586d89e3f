#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "http/client.h"
#include "model/appender.h"
#include "scrape/failure_log.h"
#include "scrape/manager.h"
#include "scrape/metadata_table.h"
#include "scrape/scrape_target.h"
#include "scrape/scrape_times.h"
#include "scrape/timetable.h"

namespace slurmscope::scrape {

// Runs the scrapes: the client's thread starts what is due and takes in what comes, so that an
// ordinary scrape wakes one thread once. Large and first bodies, and all while the thread is late,
// are left to a few workers. Thread-safe.
class Scraper {
 public:
  Scraper(ManagerOptions options, model::Appendable& storage, http::Client& client,
          const base::Clock& clock);
  // Waits for what runs, not for answers that are still under way: those are dropped.
  ~Scraper();

  // Scrapes the target from now on, by its current interval.
  void Schedule(const std::shared_ptr<ScrapeTarget>& target);
  // The target has vanished: ends its series as soon as no scrape of it runs.
  void Retire(const std::shared_ptr<ScrapeTarget>& target);

  // For the targets of one job.
  std::shared_ptr<edge::ClientAuth> MakeAuth(const config::HttpClientConfig& config) {
    return std::make_shared<edge::ClientAuth>(config, client_, clock_);
  }

  ScrapeCounters& counters() { return counters_; }
  FamilyPool& families() { return *families_; }
  std::shared_ptr<const FamilyPool> shared_families() const { return families_; }
  FailureLogs& failure_logs() { return failure_logs_; }
  const ScrapeTimes& times() const { return times_; }
  const base::Clock& clock() const { return clock_; }
  // Due times that passed while the scrape before was still running.
  uint64_t skipped() const { return skipped_; }

 private:
  // Outlives the scraper in callbacks of the client.
  struct Gate {
    std::mutex mutex;
    std::condition_variable left;
    Scraper* scraper = nullptr;
    size_t visits = 0;
  };
  // While it lasts the scraper that it gives does too.
  class Visit {
   public:
    explicit Visit(Gate& gate);
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    Scraper* operator->() const { return scraper_; }
    explicit operator bool() const { return scraper_ != nullptr; }

   private:
    Gate& gate_;
    Scraper* scraper_;
  };

  void WakeAt(int64_t at_ms, int64_t now_ms);
  void Tick(uint64_t wake);
  void Start(const Timetable::Slot& slot);
  void Fetch(const std::shared_ptr<ScrapeTarget>& target, ScrapeStart start);
  void FetchWith(const std::shared_ptr<ScrapeTarget>& target, ScrapeStart start,
                 const Result<edge::ClientAuth::Settings>& settings);
  void TakeAnswer(const std::shared_ptr<ScrapeTarget>& target, const ScrapeStart& start,
                  Result<http::ClientResponse>& response);
  void HandOver(const std::shared_ptr<ScrapeTarget>& target, const ScrapeStart& start,
                Result<http::ClientResponse> response);
  void Finish(const std::shared_ptr<ScrapeTarget>& target, const ScrapeStart& start,
              Result<http::ClientResponse>& response);

  ManagerOptions options_;
  model::Appendable& storage_;
  http::Client& client_;
  const base::Clock& clock_;
  ScrapeCounters counters_;
  const std::shared_ptr<FamilyPool> families_ = std::make_shared<FamilyPool>();
  ScrapeTimes times_;
  FailureLogs failure_logs_;
  std::atomic<uint64_t> skipped_{0};

  std::shared_ptr<Gate> gate_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> late_{false};  // the client's thread does not keep up
  std::mutex mutex_;
  Timetable timetable_;      // guarded by mutex_
  int64_t wake_ms_ = 0;      // likewise: when Tick comes next
  uint64_t wake_count_ = 0;  // likewise: of two ticks only the one set last counts
  std::unique_ptr<base::ThreadPool> workers_;
};

}  // namespace slurmscope::scrape
