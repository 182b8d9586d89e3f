#include "rules/group.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "model/append_words.h"
#include "rules/dependencies.h"

namespace slurmscope::rules {
namespace {

using model::AppendStatus;

double Seconds(int64_t begin_ns, int64_t end_ns) {
  return static_cast<double>(end_ns - begin_ns) / 1e9;
}

// A rule is the same one after a reload when it has its name and labels.
bool SameRule(const Rule& a, const Rule& b) {
  return a.config().alerting() == b.config().alerting() && a.config().name() == b.config().name() &&
         a.labels() == b.labels();
}

}  // namespace

Group::Group(const config::RuleGroupConfig& config, const GroupDefaults& defaults,
             GroupEnvironment& environment, bool restore)
    : config_(config),
      defaults_(defaults),
      interval_ms_(config.interval_ms != 0 ? config.interval_ms : defaults.interval_ms),
      environment_(environment) {
  for (const config::RuleConfig& rule : config.rules) {
    std::map<std::string, std::string> labels = rule.labels;
    labels.insert(config.labels.begin(), config.labels.end());
    if (rule.alerting()) {
      rules_.push_back(std::make_shared<AlertingRule>(rule, std::move(labels), !restore));
    } else {
      rules_.push_back(std::make_shared<RecordingRule>(rule, std::move(labels)));
    }
  }
  batches_ = PlanBatches(rules_, environment.pool != nullptr);
  series_.resize(rules_.size());
  stats_.key = key();
  stats_.rules = rules_.size();
  stats_.interval_seconds = static_cast<double>(interval_ms_) / 1000;
}

std::string Group::key() const { return base::StrCat(config_.file, ";", config_.name); }

int64_t Group::SlotBefore(int64_t now_ms) const {
  uint64_t hash = model::Labels({{"file", config_.file}, {"name", config_.name}}).Hash();
  uint64_t interval_ns = static_cast<uint64_t>(interval_ms_) * 1'000'000;
  auto offset_ms = static_cast<int64_t>(hash % interval_ns / 1'000'000);
  int64_t adjusted = now_ms - offset_ms;
  return adjusted - adjusted % interval_ms_ + offset_ms;
}

bool Group::SameAs(const config::RuleGroupConfig& config, const GroupDefaults& defaults) const {
  return config == config_ && defaults.interval_ms == defaults_.interval_ms &&
         defaults.query_offset_ms == defaults_.query_offset_ms &&
         defaults.external_labels == defaults_.external_labels;
}

RuleContext Group::Context() const {
  RuleContext context;
  context.query = [this](const std::string& expr, int64_t t) {
    return environment_.query(expr, t, {{}, {}, {}, config_.file, config_.name});
  };
  context.external_labels = defaults_.external_labels;
  context.external_url = environment_.external_url;
  context.query_offset_ms = config_.query_offset_ms.value_or(defaults_.query_offset_ms);
  context.limit = config_.limit;
  return context;
}

void Group::Evaluate(int64_t ts, const std::function<bool()>& canceled) {
  int64_t begin = environment_.clock.SteadyNs();
  samples_ = 0;
  {
    std::lock_guard lock(mutex_);
    rule_seconds_ = 0;
  }
  for (const std::vector<size_t>& batch : batches_) {
    if (canceled()) return;
    if (batch.size() == 1 || environment_.pool == nullptr) {
      for (size_t index : batch) EvaluateRule(index, ts);
      continue;
    }
    environment_.pool->ParallelFor(batch.size(), [&](size_t i) {
      if (!canceled()) EvaluateRule(batch[i], ts);
    });
  }
  WriteStale(std::exchange(gone_series_, {}), ts - Context().query_offset_ms);
  int64_t end = environment_.clock.SteadyNs();
  environment_.totals.groups.Observe(Seconds(begin, end), end);
  std::lock_guard lock(mutex_);
  ++stats_.iterations;
  stats_.last_seconds = Seconds(begin, end);
  stats_.last_rule_seconds_sum = rule_seconds_;
  stats_.last_evaluation_seconds = static_cast<double>(environment_.clock.NowMs()) / 1000;
  stats_.last_samples = samples_;
}

void Group::EvaluateRule(size_t index, int64_t ts) {
  Rule& rule = *rules_[index];
  int64_t begin = environment_.clock.SteadyNs();
  int64_t at_ms = environment_.clock.NowMs();
  ++evaluations_;
  auto samples = rule.Evaluate(Context(), ts);
  std::string problem;
  if (samples) {
    samples_ += samples->size();
    if (rule.config().alerting()) {
      auto due = static_cast<AlertingRule&>(rule).TakeDue(ts, environment_.resend_delay_ms,
                                                          interval_ms_, environment_.external_url);
      if (!due.empty()) environment_.notify(std::move(due));
    }
    problem = Write(*samples, index, ts);
  } else {
    problem = samples.error().message();
  }
  int64_t end = environment_.clock.SteadyNs();
  double seconds = Seconds(begin, end);
  environment_.totals.rules.Observe(seconds, end);
  rule.SetTiming(seconds, at_ms);
  {
    std::lock_guard lock(mutex_);
    rule_seconds_ += seconds;
  }
  if (problem.empty()) return rule.SetOutcome(RuleHealth::kOk, "");
  // Queries are canceled when the program stops; that says nothing about the rule.
  if (!samples && samples.error().code() == base::ErrorCode::kCanceled) return;
  ++failures_;
  base::LogWarn("a rule could not be evaluated", {{"file", config_.file},
                                                  {"group", config_.name},
                                                  {"rule", rule.config().name()},
                                                  {"error", problem}});
  rule.SetOutcome(RuleHealth::kErr, std::move(problem));
}

// Empty, or why the rule failed.
std::string Group::Write(const std::vector<RuleSample>& samples, size_t index, int64_t ts) {
  auto appender = environment_.appendable.NewAppender();
  Series& before = series_[index];
  Series now;
  std::string problem;
  for (const RuleSample& sample : samples) {
    auto known = before.find(sample.labels);
    model::SeriesRef ref = known == before.end() ? 0 : known->second;
    model::AppendResult result =
        sample.histogram
            ? appender->AppendFloatHistogram(ref, sample.labels, sample.t, *sample.histogram)
            : appender->Append(ref, sample.labels, sample.t, sample.v);
    if (result.status == AppendStatus::kOk) {
      now[sample.labels] = result.ref;
    } else {
      problem = model::InWords(result.status);
    }
  }
  int64_t stale_at = ts - Context().query_offset_ms;
  for (const auto& [labels, ref] : before) {
    if (!now.contains(labels)) appender->Append(ref, labels, stale_at, model::StaleNan());
  }
  if (auto committed = appender->Commit(); !committed) return committed.error().message();
  before = std::move(now);
  return problem;
}

void Group::WriteStale(const std::vector<model::Labels>& labels, int64_t t) {
  if (labels.empty()) return;
  auto appender = environment_.appendable.NewAppender();
  for (const model::Labels& each : labels) appender->Append(0, each, t, model::StaleNan());
  if (auto committed = appender->Commit(); !committed) {
    base::LogWarn("series of rules that are gone could not be ended",
                  {{"group", config_.name}, {"error", committed.error()}});
  }
}

void Group::Restore(int64_t ts) {
  int64_t begin = environment_.clock.SteadyNs();
  for (const auto& rule : rules_) {
    if (!rule->config().alerting()) continue;
    auto& alerting = static_cast<AlertingRule&>(*rule);
    auto restored = alerting.Restore(environment_.queryable, ts, environment_.restore);
    if (restored) continue;
    base::LogError("the state of an alert could not be restored",
                   {{"alert", rule->config().alert}, {"error", restored.error()}});
  }
  std::lock_guard lock(mutex_);
  stats_.last_restore_seconds = Seconds(begin, environment_.clock.SteadyNs());
}

void Group::CountMissed(uint64_t iterations) {
  std::lock_guard lock(mutex_);
  stats_.iterations_missed += iterations;
  stats_.iterations += iterations;
}

void Group::CopyState(Group& from) {
  std::vector<bool> taken(from.rules_.size());
  for (size_t i = 0; i < rules_.size(); ++i) {
    for (size_t j = 0; j < from.rules_.size(); ++j) {
      if (taken[j] || !SameRule(*rules_[i], *from.rules_[j])) continue;
      taken[j] = true;
      series_[i] = std::move(from.series_[j]);
      if (rules_[i]->config().alerting()) {
        static_cast<AlertingRule&>(*rules_[i])
            .CopyAlerts(static_cast<AlertingRule&>(*from.rules_[j]));
      }
      RuleStatus status = from.rules_[j]->status();
      rules_[i]->SetTiming(status.evaluation_seconds, status.last_evaluation_ms);
      rules_[i]->SetOutcome(status.health, status.last_error);
      break;
    }
  }
  for (size_t j = 0; j < taken.size(); ++j) {
    if (taken[j]) continue;
    for (const auto& [labels, ref] : from.series_[j]) gone_series_.push_back(labels);
  }
  gone_series_.insert(gone_series_.end(), from.gone_series_.begin(), from.gone_series_.end());
  std::scoped_lock lock(mutex_, from.mutex_);
  GroupStats copied = from.stats_;
  copied.rules = stats_.rules;
  copied.interval_seconds = stats_.interval_seconds;
  stats_ = std::move(copied);
  evaluations_ = from.evaluations_.load();
  failures_ = from.failures_.load();
}

void Group::EndSeries(int64_t ts) {
  std::vector<model::Labels> all = std::exchange(gone_series_, {});
  for (const Series& series : series_) {
    for (const auto& [labels, ref] : series) all.push_back(labels);
  }
  WriteStale(all, ts);
}

GroupStatus Group::status() const {
  GroupStatus status;
  status.name = config_.name;
  status.file = config_.file;
  status.interval_ms = interval_ms_;
  status.limit = config_.limit;
  for (const auto& rule : rules_) status.rules.push_back(rule->status());
  std::lock_guard lock(mutex_);
  status.evaluation_seconds = stats_.last_seconds;
  status.last_evaluation_ms = static_cast<int64_t>(stats_.last_evaluation_seconds * 1000);
  return status;
}

GroupStats Group::stats() const {
  std::lock_guard lock(mutex_);
  GroupStats stats = stats_;
  stats.evaluations = evaluations_;
  stats.failures = failures_;
  return stats;
}

}  // namespace slurmscope::rules
