#include "discovery/polled_sources.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"

namespace slurmscope::discovery {
namespace {

constexpr int64_t kMinIntervalMs = 10;
constexpr int64_t kMs = 1'000'000;

// Settings as a text that differs where they do.
class IdentityText {
 public:
  IdentityText& Put(std::string_view text) {
    base::PutUvarintString(text_, text);
    return *this;
  }
  IdentityText& Put(uint64_t value) {
    base::PutUvarint(text_, value);
    return *this;
  }
  IdentityText& Put(const std::vector<std::string>& texts) {
    Put(texts.size());
    for (const std::string& text : texts) Put(text);
    return *this;
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string IdentityOf(const config::HttpSdConfig& config) {
  return IdentityText()
      .Put(config.url)
      .Put(static_cast<uint64_t>(config.refresh_interval_ms))
      .Put(config::Identity(config.http))
      .Take();
}

std::string IdentityOf(const config::DnsSdConfig& config) {
  return IdentityText()
      .Put(config.names)
      .Put(static_cast<uint64_t>(config.type))
      .Put(config.port)
      .Put(static_cast<uint64_t>(config.refresh_interval_ms))
      .Take();
}

std::string IdentityOf(const config::ConsulSdConfig& config) {
  IdentityText text;
  for (const std::string* each :
       {&config.server, &config.path_prefix, &config.token, &config.datacenter,
        &config.consul_namespace, &config.partition, &config.scheme, &config.tag_separator,
        &config.filter, &config.health_filter}) {
    text.Put(*each);
  }
  text.Put(config.services).Put(config.tags).Put(config.node_meta.size());
  for (const auto& [name, value] : config.node_meta) text.Put(name).Put(value);
  return text.Put(config.allow_stale ? 1 : 0)
      .Put(static_cast<uint64_t>(config.refresh_interval_ms))
      .Put(config::Identity(config.http))
      .Take();
}

bool SameGroups(const Source::Groups& a, const Source::Groups& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.targets == y.targets && x.labels == y.labels;
  });
}

}  // namespace

PolledSources::PolledSources(SourceContext context, std::function<void()> wake)
    : context_(std::move(context)) {
  mailbox_->wake = std::move(wake);
}

PolledSources::~PolledSources() {
  const std::lock_guard lock(mailbox_->mutex);
  mailbox_->wake = nullptr;
}

void PolledSources::Add(std::string kind, const std::string& job, const std::string& identity,
                        int64_t interval_ms, const std::function<std::shared_ptr<Source>()>& make,
                        std::vector<Entry>* entries) {
  std::string key = IdentityText().Put(kind).Put(job).Put(identity).Take();
  for (Entry& known : entries_) {
    if (known.key != key) continue;
    entries->push_back(std::exchange(known, {}));
    return;
  }
  Entry& entry = entries->emplace_back();
  entry.key = std::move(key);
  entry.job = job;
  entry.mechanism = std::move(kind);
  entry.interval_ms = std::max(interval_ms, kMinIntervalMs);
  entry.source = make();
  entry.number = next_number_++;
}

void PolledSources::Apply(const std::vector<config::ScrapeConfig>& configs) {
  std::vector<Entry> entries;
  for (const config::ScrapeConfig& job : configs) {
    for (const auto& sd : job.sd.dns) {
      Add(
          "dns", job.job_name, IdentityOf(sd), sd.refresh_interval_ms,
          [&] { return MakeDnsSource(sd, context_); }, &entries);
    }
    if (context_.client == nullptr) continue;
    for (const auto& sd : job.sd.http) {
      Add(
          "http", job.job_name, IdentityOf(sd), sd.refresh_interval_ms,
          [&] { return MakeHttpSource(sd, context_); }, &entries);
    }
    for (const auto& sd : job.sd.consul) {
      Add(
          "consul", job.job_name, IdentityOf(sd), sd.refresh_interval_ms,
          [&] { return MakeConsulSource(sd, context_); }, &entries);
    }
  }
  entries_ = std::move(entries);
  const std::lock_guard lock(stats_mutex_);
  auto before = std::exchange(stats_, {});
  for (const Entry& entry : entries_) {
    if (entry.source->follows()) continue;
    const std::pair key(entry.mechanism, entry.job);
    auto known = before.find(key);
    stats_[key] = known != before.end() ? known->second : std::make_shared<Refreshes>();
  }
}

int64_t PolledSources::next_due_ms() const {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (const Entry& entry : entries_) {
    if (!entry.running) next = std::min(next, entry.next_ms);
  }
  return next;
}

void PolledSources::StartDue(int64_t now_ms) {
  for (Entry& entry : entries_) {
    if (!entry.running && entry.next_ms <= now_ms) Start(entry, now_ms);
  }
}

void PolledSources::Start(Entry& entry, int64_t now_ms) {
  entry.running = true;
  entry.asked_ms = now_ms;
  entry.next_ms = now_ms + entry.interval_ms;
  entry.source->Refresh([mailbox = mailbox_, number = entry.number](Result<Source::Groups> groups) {
    const std::lock_guard lock(mailbox->mutex);
    if (!mailbox->wake) return;
    mailbox->answers.emplace_back(number, std::move(groups));
    mailbox->wake();
  });
}

PolledSources::Change PolledSources::TakeAnswers(int64_t now_ms) {
  std::vector<std::pair<uint64_t, Result<Source::Groups>>> answers;
  {
    const std::lock_guard lock(mailbox_->mutex);
    answers.swap(mailbox_->answers);
  }
  Change change = Change::kNone;
  for (auto& [number, groups] : answers) {
    auto entry = std::find_if(entries_.begin(), entries_.end(),
                              [n = number](const Entry& each) { return each.number == n; });
    if (entry == entries_.end()) continue;  // of a configuration before this one
    change = std::max(change, Take(*entry, std::move(groups), now_ms));
  }
  return change;
}

PolledSources::Change PolledSources::Take(Entry& entry, Result<Source::Groups> answer,
                                          int64_t now_ms) {
  entry.running = entry.source->follows();
  if (!entry.running) {
    const std::lock_guard lock(stats_mutex_);
    Refreshes& stats = *stats_[{entry.mechanism, entry.job}];
    stats.failures += answer ? 0 : 1;
    stats.durations.Observe(static_cast<double>(now_ms - entry.asked_ms) / 1000, now_ms * kMs);
  }
  if (!answer) {
    base::LogError(
        "Unable to refresh target groups",
        {{"discovery", entry.mechanism}, {"config", entry.job}, {"err", answer.error()}});
    return Change::kNone;
  }
  const bool first = !std::exchange(entry.answered, true);
  if (!first && SameGroups(*answer, entry.groups)) return Change::kNone;
  entry.groups = *std::move(answer);
  return first ? Change::kFirst : Change::kSome;
}

void PolledSources::AppendGroups(const std::string& job,
                                 std::vector<config::TargetGroup>* out) const {
  for (const Entry& entry : entries_) {
    if (entry.job == job) out->insert(out->end(), entry.groups.begin(), entry.groups.end());
  }
}

std::vector<RefreshStats> PolledSources::stats(int64_t now_ms) const {
  const std::lock_guard lock(stats_mutex_);
  std::vector<RefreshStats> all;
  for (const auto& [key, stats] : stats_) {
    auto durations = stats->durations.Read(RefreshRanks(), now_ms * kMs);
    const uint64_t refreshes = durations.count;
    all.push_back({key.first, key.second, refreshes, stats->failures, std::move(durations)});
  }
  return all;
}

const std::vector<double>& RefreshRanks() {
  static const std::vector<double> ranks = {0.5, 0.9, 0.99};
  return ranks;
}

}  // namespace slurmscope::discovery
