#include "scrape/scraper.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"

namespace slurmscope::scrape {
namespace {

using base::ErrorCode;
using base::Fail;

// Each target has at most one task waiting; this only bounds a runaway.
constexpr size_t kMaxWaitingTasks = 200'000;
// The wall clock may be set while the thread sleeps.
constexpr int64_t kLongestSleepMs = 250;
// A thread that is later than this has more to do than it can.
constexpr int64_t kLateMs = 50;
// Some ten milliseconds of work.
constexpr size_t kLargeBodyBytes = 4 << 20;

}  // namespace

Scraper::Scraper(ManagerOptions options, model::Appendable& storage, http::Client& client,
                 const base::Clock& clock)
    : options_(std::move(options)),
      storage_(storage),
      client_(client),
      clock_(clock),
      gate_(std::make_shared<Gate>()) {
  size_t cores = std::max(1u, std::thread::hardware_concurrency());
  workers_ = std::make_unique<base::ThreadPool>(std::min<size_t>(cores, 4), kMaxWaitingTasks);
  gate_->scraper = this;
}

Scraper::~Scraper() {
  stopping_ = true;
  {
    std::unique_lock lock(gate_->mutex);
    gate_->scraper = nullptr;
    gate_->left.wait(lock, [this] { return gate_->visits == 0; });
  }
  workers_.reset();
}

Scraper::Visit::Visit(Gate& gate) : gate_(gate) {
  std::lock_guard lock(gate.mutex);
  scraper_ = gate.scraper;
  if (scraper_ != nullptr) ++gate.visits;
}

Scraper::Visit::~Visit() {
  if (scraper_ == nullptr) return;
  std::lock_guard lock(gate_.mutex);
  if (--gate_.visits == 0 && gate_.scraper == nullptr) gate_.left.notify_all();
}

void Scraper::Schedule(const std::shared_ptr<ScrapeTarget>& target) {
  Timetable::Slot slot;
  slot.generation = target->schedule_generation();
  slot.interval_ms = target->interval_ms();
  slot.offset_ms = target->OffsetMs(options_.offset_seed);
  slot.target = target;
  int64_t now = clock_.NowMs();
  std::lock_guard lock(mutex_);
  timetable_.Add(std::move(slot), now);
  int64_t due = *timetable_.next_due();
  if (wake_count_ == 0 || due < wake_ms_) WakeAt(due, now);
}

void Scraper::Retire(const std::shared_ptr<ScrapeTarget>& target) {
  if (!target->Retire()) return;
  bool taken = workers_->TrySubmit([this, target] {
    if (!stopping_) target->WriteEnd(storage_, clock_);
  });
  if (!taken) {
    base::LogWarn("No room to end the series of a vanished target",
                  {{"target", target->status().scrape_url}});
  }
}

void Scraper::WakeAt(int64_t at_ms, int64_t now_ms) {
  wake_ms_ = at_ms;
  int64_t at_ns = clock_.SteadyNs() + (at_ms - now_ms) * 1'000'000;
  client_.RunAt(at_ns, [gate = gate_, wake = ++wake_count_] {
    if (Visit visit(*gate); visit) visit->Tick(wake);
  });
}

void Scraper::Tick(uint64_t wake) {
  std::vector<Timetable::Slot> due;
  {
    std::lock_guard lock(mutex_);
    if (wake != wake_count_) return;
    int64_t now = clock_.NowMs();
    while (std::optional<Timetable::Slot> slot = timetable_.TakeDue(now)) {
      // A void slot is not entered again: its target is retired or has another one.
      if (slot->target->retired() || slot->target->schedule_generation() != slot->generation)
        continue;
      due.push_back(*slot);
      timetable_.Add(std::move(*slot), now + 1);
    }
    int64_t latest = now + kLongestSleepMs;
    WakeAt(std::min(latest, timetable_.next_due().value_or(latest)), now);
    if (!due.empty()) late_ = now - due.front().due_ms > kLateMs;
  }
  for (const Timetable::Slot& slot : due) Start(slot);
}

void Scraper::Start(const Timetable::Slot& slot) {
  std::optional<ScrapeStart> start = slot.target->Begin(slot.due_ms, clock_, options_);
  if (!start) {
    skipped_ += slot.target->retired() ? 0 : 1;
    return;
  }
  if (start->since_last_ns > 0) {
    times_.Observe(start->interval_ms, static_cast<double>(start->since_last_ns) * 1e-9,
                   start->steady_ns);
  }
  if (start->forced_error.empty()) return Fetch(slot.target, *std::move(start));
  Result<http::ClientResponse> failed =
      Fail(ErrorCode::kUnavailable, std::string(start->forced_error));
  TakeAnswer(slot.target, *start, failed);
}

void Scraper::Fetch(const std::shared_ptr<ScrapeTarget>& target, ScrapeStart start) {
  const std::shared_ptr<edge::ClientAuth> auth = start.auth;
  if (const auto ready = auth->Ready()) return FetchWith(target, std::move(start), *ready);
  auth->Get([gate = gate_, target,
             start = std::move(start)](const Result<edge::ClientAuth::Settings>& settings) {
    if (Visit visit(*gate); visit) visit->FetchWith(target, start, settings);
  });
}

void Scraper::FetchWith(const std::shared_ptr<ScrapeTarget>& target, ScrapeStart start,
                        const Result<edge::ClientAuth::Settings>& settings) {
  if (!settings) {
    Result<http::ClientResponse> failed = Fail(settings.error());
    return TakeAnswer(target, start, failed);
  }
  client_.Fetch(
      target->RequestWith(*settings, options_),
      [gate = gate_, target, start = std::move(start)](Result<http::ClientResponse>&& response) {
        if (Visit visit(*gate); visit) visit->TakeAnswer(target, start, response);
      });
}

void Scraper::TakeAnswer(const std::shared_ptr<ScrapeTarget>& target, const ScrapeStart& start,
                         Result<http::ClientResponse>& response) {
  bool heavy = response && (response->body.size() > kLargeBodyBytes ||
                            (target->cache_entries() == 0 && !response->body.empty()));
  if (heavy || late_) return HandOver(target, start, std::move(response));
  Finish(target, start, response);
}

void Scraper::HandOver(const std::shared_ptr<ScrapeTarget>& target, const ScrapeStart& start,
                       Result<http::ClientResponse> response) {
  // std::function copies what it holds; the body must not be.
  auto shared = std::make_shared<Result<http::ClientResponse>>(std::move(response));
  bool taken =
      workers_->TrySubmit([this, target, start, shared] { Finish(target, start, *shared); });
  if (taken) return;
  ++counters_.scrapes_failed;
  target->EndScrape();
  base::LogWarn("No room for the answer of a target", {{"target", target->status().scrape_url}});
}

void Scraper::Finish(const std::shared_ptr<ScrapeTarget>& target, const ScrapeStart& start,
                     Result<http::ClientResponse>& response) {
  if (stopping_) return;
  try {
    target->Finish(start, response, storage_, clock_, counters_);
  } catch (const std::exception& e) {  // the next scrape must find the target free
    base::LogError("A scrape could not be taken in", {{"error", e.what()}});
  }
  if (target->EndScrape()) target->WriteEnd(storage_, clock_);
}

}  // namespace slurmscope::scrape
