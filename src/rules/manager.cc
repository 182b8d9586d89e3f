#include "rules/manager.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.h"
#include "base/thread_pool.h"

namespace slurmscope::rules {
namespace {

// Each group has at most one task waiting; this only bounds a runaway.
constexpr size_t kMaxWaitingTasks = 100'000;
// The wall clock may be set while the thread sleeps.
constexpr int64_t kLongestSleepMs = 250;

// A group in the timetable. Guarded by the manager's mutex.
struct Running {
  std::shared_ptr<Group> group;
  int64_t due_ms = 0;
  bool busy = false;
  bool restore = false;
  int evaluations = 0;
};

// The series of a group that is gone end at the time it was stopped, but are only ended once its
// successor under another name had time to write them on.
struct Retired {
  std::shared_ptr<Group> group;
  int64_t stopped_ms = 0;
  int64_t due_ms = 0;
};

}  // namespace

Result<promql::VectorResult> RuleQuery(promql::Engine& engine, model::Queryable& queryable,
                                       const std::string& expr, int64_t t,
                                       const promql::QueryOptions& options) {
  promql::QueryResult result = TRY(engine.Instant(queryable, expr, t, options));
  if (auto* vector = std::get_if<promql::VectorResult>(&result.value)) return std::move(*vector);
  if (const auto* scalar = std::get_if<promql::ScalarResult>(&result.value)) {
    promql::VectorResult vector;
    vector.t = scalar->t;
    vector.samples.push_back({{}, scalar->v});
    return vector;
  }
  return base::Fail(base::ErrorCode::kInvalidArgument, "rule result is not a vector or scalar");
}

struct Manager::State {
  State(ManagerOptions given, promql::Engine& engine, model::Queryable& queryable,
        model::Appendable& appendable, const base::Clock& c)
      : options(std::move(given)),
        clock(c),
        environment{appendable,
                    queryable,
                    {},
                    options.notify,
                    clock,
                    options.external_url,
                    options.resend_delay_ms,
                    options.restore,
                    nullptr},
        workers(options.threads, kMaxWaitingTasks) {
    environment.query = [this, &engine, &queryable](const std::string& expr, int64_t t,
                                                    const promql::QueryOrigin& origin) {
      promql::QueryOptions query;
      query.origin = &origin;
      query.canceled = [this] { return stopping.load(); };
      return RuleQuery(engine, queryable, expr, t, query);
    };
    if (options.concurrent_rules && options.max_concurrent_rules > 1) {
      rule_pool.emplace(static_cast<size_t>(options.max_concurrent_rules - 1), kMaxWaitingTasks);
      environment.pool = &*rule_pool;
    }
    thread = std::thread([this] { Run(); });
  }

  ~State() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    thread.join();
  }

  void Run();
  void StartDue(int64_t now);
  void EndRetired(int64_t now);
  int64_t NextDue(int64_t now) const;
  void EvaluateOnce(const std::shared_ptr<Running>& running, int64_t ts);
  void Finished(Running& running);
  void Adopt(const config::RuleGroupConfig& config, const GroupDefaults& defaults, bool restore,
             std::map<std::string, std::shared_ptr<Running>>* before,
             std::unique_lock<std::mutex>& lock);

  const ManagerOptions options;
  const base::Clock& clock;
  GroupEnvironment environment;
  std::atomic<bool> stopping = false;
  mutable std::mutex mutex;  // for all below but the threads
  std::condition_variable wake;
  std::condition_variable idle;
  bool loaded = false;
  std::map<std::string, std::shared_ptr<Running>> groups;  // by key
  std::vector<Retired> retired;
  std::optional<base::ThreadPool> rule_pool;
  base::ThreadPool workers;
  std::thread thread;
};

void Manager::State::Run() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    int64_t now = clock.NowMs();
    StartDue(now);
    EndRetired(now);
    wake.wait_for(lock, std::chrono::milliseconds(NextDue(now) - now));
  }
}

int64_t Manager::State::NextDue(int64_t now) const {
  int64_t next = now + kLongestSleepMs;
  for (const auto& [key, running] : groups) {
    if (!running->busy) next = std::min(next, running->due_ms);
  }
  return std::max(next, now + 1);
}

void Manager::State::StartDue(int64_t now) {
  for (const auto& [key, running] : groups) {
    if (running->busy || running->due_ms > now) continue;
    int64_t ts = running->due_ms;
    running->due_ms += running->group->interval_ms();
    running->busy = true;
    auto task = [this, running = running, ts] { EvaluateOnce(running, ts); };
    if (workers.TrySubmit(task)) continue;
    running->busy = false;
    running->group->CountMissed(1);
  }
}

void Manager::State::EndRetired(int64_t now) {
  for (auto it = retired.begin(); it != retired.end();) {
    if (it->due_ms > now) {
      ++it;
      continue;
    }
    auto task = [group = it->group, ts = it->stopped_ms] { group->EndSeries(ts); };
    if (!workers.TrySubmit(task)) return;
    it = retired.erase(it);
  }
}

void Manager::State::EvaluateOnce(const std::shared_ptr<Running>& running, int64_t ts) {
  try {
    running->group->Evaluate(ts, [this] { return stopping.load(); });
    ++running->evaluations;  // nobody else looks at it while busy
    if (running->restore && running->evaluations == 2 && !stopping) {
      running->group->Restore(clock.NowMs());
      running->restore = false;
    }
  } catch (const std::exception& e) {  // the next evaluation must find the group free
    base::LogError("a rule group could not be evaluated", {{"error", e.what()}});
  }
  std::lock_guard lock(mutex);
  Finished(*running);
}

void Manager::State::Finished(Running& running) {
  running.busy = false;
  int64_t interval = running.group->interval_ms();
  int64_t late = clock.NowMs() - running.due_ms;
  if (late >= interval) {
    int64_t missed = late / interval;
    running.due_ms += missed * interval;
    running.group->CountMissed(static_cast<uint64_t>(missed));
  }
  idle.notify_all();
  wake.notify_all();
}

// Puts a group into the timetable: the one that runs already, or a new one in its place.
void Manager::State::Adopt(const config::RuleGroupConfig& config, const GroupDefaults& defaults,
                           bool restore, std::map<std::string, std::shared_ptr<Running>>* before,
                           std::unique_lock<std::mutex>& lock) {
  auto fresh = std::make_shared<Running>();
  fresh->group = std::make_shared<Group>(config, defaults, environment, restore);
  fresh->restore = restore;
  fresh->due_ms = fresh->group->SlotBefore(clock.NowMs()) + fresh->group->interval_ms();
  std::string key = fresh->group->key();
  auto known = before->find(key);
  if (known == before->end()) {
    groups[key] = std::move(fresh);
    return;
  }
  std::shared_ptr<Running> old = std::move(known->second);
  before->erase(known);
  if (old->group->SameAs(config, defaults)) {
    groups[key] = std::move(old);
    return;
  }
  idle.wait(lock, [&] { return !old->busy; });
  fresh->group->CopyState(*old->group);
  fresh->restore = old->restore;
  groups[key] = std::move(fresh);
}

Manager::Manager(ManagerOptions options, promql::Engine& engine, model::Queryable& queryable,
                 model::Appendable& appendable, const base::Clock& clock)
    : state_(std::make_unique<State>(std::move(options), engine, queryable, appendable, clock)) {}

Manager::~Manager() = default;

void Manager::Apply(const std::vector<config::RuleGroupConfig>& groups,
                    const GroupDefaults& defaults) {
  std::unique_lock lock(state_->mutex);
  std::map<std::string, std::shared_ptr<Running>> before = std::exchange(state_->groups, {});
  for (const config::RuleGroupConfig& config : groups)
    state_->Adopt(config, defaults, !state_->loaded, &before, lock);
  state_->loaded = true;
  int64_t now = state_->clock.NowMs();
  for (auto& [key, gone] : before) {
    state_->idle.wait(lock, [&running = *gone] { return !running.busy; });
    state_->retired.push_back({gone->group, now, now + 2 * gone->group->interval_ms()});
  }
  lock.unlock();
  state_->wake.notify_all();
}

std::vector<GroupStatus> Manager::groups() const {
  std::vector<std::shared_ptr<Group>> groups;
  {
    std::lock_guard lock(state_->mutex);
    for (const auto& [key, running] : state_->groups) groups.push_back(running->group);
  }
  std::vector<GroupStatus> all;
  all.reserve(groups.size());
  for (const auto& group : groups) all.push_back(group->status());
  std::sort(all.begin(), all.end(), [](const GroupStatus& a, const GroupStatus& b) {
    return a.file != b.file ? a.file < b.file : a.name < b.name;
  });
  return all;
}

EvaluationTimes Manager::evaluation_times(const std::vector<double>& rule_ranks,
                                          const std::vector<double>& group_ranks) const {
  const EvaluationTotals& totals = state_->environment.totals;
  const int64_t now_ns = state_->clock.SteadyNs();
  return {totals.rules.Read(rule_ranks, now_ns), totals.groups.Read(group_ranks, now_ns)};
}

std::vector<GroupStats> Manager::stats() const {
  std::lock_guard lock(state_->mutex);
  std::vector<GroupStats> all;
  for (const auto& [key, running] : state_->groups) all.push_back(running->group->stats());
  return all;
}

}  // namespace slurmscope::rules
