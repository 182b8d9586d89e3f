#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector.h"
#include "agent/crew.h"
#include "agent/self_metrics.h"

namespace slurmscope::agent {

// Which collectors a scrape asks for; at most one list is not empty.
struct ScrapeFilter {
  std::vector<std::string_view> collect;
  std::vector<std::string_view> exclude;
};

// All enabled collectors and the agent's own metrics. Not thread-safe: one scrape at a time.
class Scraper {
 public:
  struct Options {
    bool self_metrics = true;
    // node_scrape_collector_*, node_exporter_build_info; not on the page of the GPUs.
    bool framework_metrics = true;
    CrewOptions crew{std::chrono::milliseconds(250), std::chrono::seconds(2)};
  };

  // Makes the enabled collectors; a bad flag of one is an error. `machine` outlives the scraper and
  // stuck threads.
  static Result<std::unique_ptr<Scraper>> Create(std::shared_ptr<const Machine> machine,
                                                 const FlagValues& flags, Options options);
  // As above with collectors of the caller's choice (tests).
  static Result<std::unique_ptr<Scraper>> Create(std::shared_ptr<const Machine> machine,
                                                 const FlagValues& flags, Options options,
                                                 std::span<const CollectorSpec> specs);

  // Appends the exposition, after `limit` at the latest. Fails with kInvalidArgument, worded as
  // node_exporter does, on a bad filter. A collector that does not come back in time costs its own
  // metrics only; what it finds too late is given in the next scrape.
  Result<void> Scrape(const ScrapeFilter& filter, Format format, std::string& out,
                      std::chrono::nanoseconds limit = std::chrono::seconds(5));

  std::vector<std::string_view> names() const;

 private:
  struct Slot;
  Scraper(std::shared_ptr<const Machine> machine, Options options);
  Result<void> Choose(const ScrapeFilter& filter);
  void Record(Slot& slot);

  std::shared_ptr<const Machine> machine_;
  const Options options_;
  std::vector<CollectorSpec> disabled_;
  std::vector<std::shared_ptr<Slot>> slots_;
  FamilySet framework_;
  Family& duration_;
  Family& success_;
  Family& build_info_;
  Family& stuck_;
  std::unique_ptr<SelfMetrics> self_;
  Merger merger_;
  std::string duplicated_;  // what was said of the last page
  // Kept between scrapes for their memory.
  std::vector<std::shared_ptr<Job>> jobs_;
  std::vector<FamilySet*> sets_;
  Crew crew_;
};

}  // namespace slurmscope::agent
