#include "agent/scraper.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "agent/attr_file.h"
#include "agent/progress.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"

namespace slurmscope::agent {

using base::LogField;

namespace {

// What this machine does not have, some twenty file systems and buses, is looked for that often.
constexpr int64_t kLookForAbsentMs = 30'000;

}  // namespace

struct Scraper::Slot final : Job {
  Slot(const CollectorSpec& s, std::shared_ptr<const Machine> m)
      : spec(s),
        machine(std::move(m)),
        may_be_absent(FindCollector(s.name) != nullptr && !IsOnEveryMachine(s.name)) {}

  void Run() override {
    const int64_t start = machine->clock.SteadyNs();
    if (updated_ns && start - *updated_ns < PeriodMs() * 1'000'000) return;
    updated_ns = start;
    families.Begin();
    const ProgressScope scope(progress);
    std::optional<LookAgainScope> look;
    if (!result) look.emplace();
    try {
      result = collector->Update();
      // Garbage where there is always something.
      if (result && families.empty() && AlwaysHasSomething(spec.name)) {
        result = Fail(ErrorCode::kCorruption,
                      base::StrCat(progress.Get(), ": nothing in it makes sense"));
      }
    } catch (const std::exception& error) {
      result = Fail(ErrorCode::kInternal, error.what());
    }
    has_nothing = families.empty();
    seconds = static_cast<double>(machine->clock.SteadyNs() - start) / 1e9;
  }

  // The families still hold what they were set to.
  int64_t PeriodMs() const {
    if (result) return spec.period_ms;
    const bool absent =
        may_be_absent && has_nothing && result.error().code() == ErrorCode::kNotFound;
    return absent ? kLookForAbsentMs : 0;
  }

  const CollectorSpec& spec;
  std::shared_ptr<const Machine> machine;
  const bool may_be_absent;
  FamilySet families;
  std::unique_ptr<Collector> collector;
  Result<void> result;
  bool has_nothing = false;
  double seconds = 0;
  std::optional<int64_t> updated_ns;
  Progress progress;
  enum class Health { kUnknown, kGood, kFailed, kStuck, kNotReached } health = Health::kUnknown;
};

Scraper::Scraper(std::shared_ptr<const Machine> machine, Options options)
    : machine_(std::move(machine)),
      options_(options),
      duration_(framework_.Get("node_scrape_collector_duration_seconds",
                               "node_exporter: Duration of a collector scrape.", MetricType::kGauge,
                               {"collector"})),
      success_(framework_.Get("node_scrape_collector_success",
                              "node_exporter: Whether a collector succeeded.", MetricType::kGauge,
                              {"collector"})),
      build_info_(framework_.Get(
          "node_exporter_build_info",
          "A metric with a constant '1' value labeled by version, revision, branch, goversion from "
          "which node_exporter was built, and the goos and goarch for the build.",
          MetricType::kGauge,
          {"branch", "goarch", "goos", "goversion", "revision", "tags", "version"})),
      stuck_(framework_.Get("slurmscope_agent_collector_stuck", kStuckHelp, MetricType::kGauge,
                            {"collector", "path"})),
      self_(options.self_metrics ? std::make_unique<SelfMetrics>() : nullptr),
      crew_(options.crew) {}

Result<std::unique_ptr<Scraper>> Scraper::Create(std::shared_ptr<const Machine> machine,
                                                 const FlagValues& flags, Options options) {
  return Create(std::move(machine), flags, options, AllCollectors());
}

Result<std::unique_ptr<Scraper>> Scraper::Create(std::shared_ptr<const Machine> machine,
                                                 const FlagValues& flags, Options options,
                                                 std::span<const CollectorSpec> specs) {
  const std::shared_ptr<const Machine> shared = std::move(machine);
  std::unique_ptr<Scraper> scraper(new Scraper(shared, options));
  for (const CollectorSpec& spec : specs) {
    if (spec.make == nullptr || !IsEnabled(spec, flags)) {
      scraper->disabled_.push_back(spec);
      continue;
    }
    auto slot = std::make_shared<Slot>(spec, shared);
    slot->collector = TRY_CONTEXT(spec.make(*shared, flags, slot->families),
                                  base::StrCat("collector ", spec.name));
    scraper->slots_.push_back(std::move(slot));
  }
  return scraper;
}

std::vector<std::string_view> Scraper::names() const {
  std::vector<std::string_view> names;
  for (const auto& slot : slots_) names.push_back(slot->spec.name);
  return names;
}

Result<void> Scraper::Choose(const ScrapeFilter& filter) {
  if (!filter.collect.empty() && !filter.exclude.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "Combined collect and exclude queries are not allowed.");
  }
  const auto listed = [](const std::vector<std::string_view>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (const std::string_view name : filter.collect) {
    const auto is_it = [&](const auto& slot) { return slot->spec.name == name; };
    if (std::any_of(slots_.begin(), slots_.end(), is_it)) continue;
    const bool known = std::any_of(disabled_.begin(), disabled_.end(),
                                   [&](const CollectorSpec& spec) { return spec.name == name; });
    return Fail(ErrorCode::kInvalidArgument,
                base::StrCat("Couldn't create filtered metrics handler: ",
                             known ? "disabled" : "missing", " collector: ", name));
  }
  jobs_.clear();
  for (const auto& slot : slots_) {
    if (!filter.collect.empty() && !listed(filter.collect, slot->spec.name)) continue;
    if (listed(filter.exclude, slot->spec.name)) continue;
    jobs_.push_back(slot);
  }
  return {};
}

Result<void> Scraper::Scrape(const ScrapeFilter& filter, Format format, std::string& out,
                             std::chrono::nanoseconds limit) {
  TRY(Choose(filter));
  if (machine_->proc_stat) machine_->proc_stat->BeginScrape();
  crew_.Run(jobs_, limit);

  framework_.Begin();
  if (options_.framework_metrics) {
    build_info_.Set({base::Branch(), "amd64", "linux", "", base::Revision(), "", base::Version()},
                    1);
  }
  sets_.clear();
  sets_.push_back(&framework_);
  for (const auto& job : jobs_) {
    Slot& slot = static_cast<Slot&>(*job);
    Record(slot);
    if (slot.finished()) sets_.push_back(&slot.families);
  }
  if (self_) {
    self_->Update();
    sets_.push_back(&self_->families());
  }
  merger_.Render(sets_, format, out);
  crew_.RunBehind();
  if (merger_.duplicated() != duplicated_) {
    duplicated_ = merger_.duplicated();
    if (!duplicated_.empty()) {
      base::LogError("two collectors have a series in common, the second one is left out",
                     {LogField("metric", duplicated_)});
    }
  }
  return {};
}

void Scraper::Record(Slot& slot) {
  using Health = Slot::Health;
  const std::string_view name = slot.spec.name;
  // In a scrape of little time others may have held up this one.
  Health health =
      slot.running_for() < options_.crew.patience ? Health::kNotReached : Health::kStuck;
  if (slot.finished()) health = slot.result ? Health::kGood : Health::kFailed;
  const double seconds =
      slot.finished() ? slot.seconds : std::chrono::duration<double>(slot.running_for()).count();
  if (options_.framework_metrics) {
    duration_.Set({name}, seconds);
    success_.Set({name}, health == Health::kGood ? 1 : 0);
  }
  const std::string path = health == Health::kStuck ? slot.progress.Get() : "";
  if (health == Health::kStuck) stuck_.Set({name, path}, 1);
  if (health == slot.health) return;

  const bool was_bad = slot.health != Health::kUnknown && slot.health != Health::kGood;
  slot.health = health;
  if (health == Health::kStuck) {
    base::LogError("collector is stuck, going on without it",
                   {LogField("name", name), LogField("path", path)});
  } else if (health == Health::kNotReached) {
    base::LogWarn("others left no time for a collector", {LogField("name", name)});
  } else if (health == Health::kGood) {
    if (was_bad) base::LogInfo("collector works again", {LogField("name", name)});
  } else if (slot.result.error().code() == ErrorCode::kNotFound && !IsOnEveryMachine(name)) {
    base::LogDebug("collector returned no data",
                   {LogField("name", name), LogField("err", slot.result.error())});
  } else {
    base::LogError("collector failed",
                   {LogField("name", name), LogField("err", slot.result.error())});
  }
}

}  // namespace slurmscope::agent
