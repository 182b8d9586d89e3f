#include "scrape/scraper.h"

#include <algorithm>
#include <chrono>
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
  thread_ = std::thread([this] { Run(); });
}

Scraper::~Scraper() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  {
    std::lock_guard lock(gate_->mutex);
    gate_->scraper = nullptr;
  }
  workers_.reset();
}

void Scraper::Schedule(const std::shared_ptr<ScrapeTarget>& target) {
  Timetable::Slot slot;
  slot.generation = target->schedule_generation();
  slot.interval_ms = target->interval_ms();
  slot.offset_ms = target->OffsetMs(options_.offset_seed);
  slot.target = target;
  {
    std::lock_guard lock(mutex_);
    timetable_.Add(std::move(slot), clock_.NowMs());
  }
  wake_.notify_all();
}

void Scraper::Retire(const std::shared_ptr<ScrapeTarget>& target) {
  if (!target->Retire()) return;
  bool taken = workers_->TrySubmit([this, target] {
    if (!stopping_) target->WriteEnd(storage_, clock_);
  });
  if (!taken)
    base::LogWarn("No room to end the series of a vanished target",
                  {{"target", target->status().scrape_url}});
}

void Scraper::Run() {
  std::unique_lock lock(mutex_);
  std::vector<Timetable::Slot> due;
  while (!stopping_) {
    int64_t now = clock_.NowMs();
    while (std::optional<Timetable::Slot> slot = timetable_.TakeDue(now)) {
      due.push_back(*slot);
      // A void slot is not entered again: its target is retired or has another one.
      if (slot->target->retired() || slot->target->schedule_generation() != slot->generation)
        due.pop_back();
      else
        timetable_.Add(std::move(*slot), now + 1);
    }
    if (!due.empty()) {
      lock.unlock();
      for (const Timetable::Slot& slot : due) Start(slot);
      due.clear();
      lock.lock();
      continue;
    }
    int64_t sleep =
        std::min(kLongestSleepMs, timetable_.next_due().value_or(now + kLongestSleepMs) - now);
    wake_.wait_for(lock, std::chrono::milliseconds(sleep));
  }
}

void Scraper::Start(const Timetable::Slot& slot) {
  std::optional<ScrapeStart> start = slot.target->Begin(slot.due_ms, clock_, options_);
  if (!start) {
    skipped_ += slot.target->retired() ? 0 : 1;
    return;
  }
  if (start->forced_error.empty()) return Fetch(slot.target, *std::move(start));
  std::string error = start->forced_error;
  HandOver(slot.target, *start, Fail(ErrorCode::kUnavailable, std::move(error)));
}

void Scraper::Fetch(const std::shared_ptr<ScrapeTarget>& target, ScrapeStart start) {
  http::ClientRequest request = std::move(start.request);
  client_.Fetch(std::move(request), [gate = gate_, target, start = std::move(start)](
                                        Result<http::ClientResponse> response) {
    std::lock_guard lock(gate->mutex);
    if (gate->scraper != nullptr) gate->scraper->HandOver(target, start, std::move(response));
  });
}

void Scraper::HandOver(const std::shared_ptr<ScrapeTarget>& target, const ScrapeStart& start,
                       Result<http::ClientResponse> response) {
  // std::function copies what it holds; the body must not be.
  auto shared = std::make_shared<Result<http::ClientResponse>>(std::move(response));
  bool taken = workers_->TrySubmit([this, target, start, shared] {
    if (stopping_) return;
    target->Finish(start, std::move(*shared), storage_, clock_, counters_);
    if (target->EndScrape()) target->WriteEnd(storage_, clock_);
  });
  if (taken) return;
  ++counters_.scrapes_failed;
  target->EndScrape();
  base::LogWarn("No room for the answer of a target", {{"target", target->status().scrape_url}});
}

}  // namespace slurmscope::scrape
