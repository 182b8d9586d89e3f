#include "api/rule_metrics.h"

#include "api/metrics_page.h"
#include "exposition/text_writer.h"

namespace slurmscope::api {
namespace {

using model::MetricType;
using rules::GroupStats;

// One family with a sample for each group.
template <typename Value>
void PerGroup(exposition::TextWriter& text, const std::vector<GroupStats>& groups,
              std::string_view name, std::string_view help, MetricType type, const Value& value) {
  text.Family(name, help, type);
  for (const GroupStats& group : groups)
    text.Sample(name, {{"rule_group", group.key}}, static_cast<double>(value(group)));
}

template <typename Value>
void PerAlertmanager(exposition::TextWriter& text, const notify::NotifyStats& stats,
                     std::string_view name, std::string_view help, MetricType type,
                     const Value& value) {
  text.Family(name, help, type);
  for (const notify::SenderStats& sender : stats.senders)
    text.Sample(name, {{"alertmanager", sender.url}}, static_cast<double>(value(sender)));
}

}  // namespace

void WriteRuleMetrics(const rules::Manager& rules, std::string& out) {
  exposition::TextWriter text(out);
  std::vector<GroupStats> groups = rules.stats();
  constexpr MetricType kCounter = MetricType::kCounter;
  constexpr MetricType kGauge = MetricType::kGauge;
  PerGroup(text, groups, "prometheus_rule_evaluations_total", "Evaluations of rules.", kCounter,
           [](const GroupStats& g) { return g.evaluations; });
  PerGroup(text, groups, "prometheus_rule_evaluation_failures_total",
           "Evaluations of rules that failed.", kCounter,
           [](const GroupStats& g) { return g.failures; });
  PerGroup(text, groups, "prometheus_rule_group_iterations_total",
           "Evaluations of rule groups that were due, missed or not.", kCounter,
           [](const GroupStats& g) { return g.iterations; });
  PerGroup(text, groups, "prometheus_rule_group_iterations_missed_total",
           "Evaluations of rule groups that were left out because the one before took too long.",
           kCounter, [](const GroupStats& g) { return g.iterations_missed; });
  PerGroup(text, groups, "prometheus_rule_group_interval_seconds", "Interval of a rule group.",
           kGauge, [](const GroupStats& g) { return g.interval_seconds; });
  PerGroup(text, groups, "prometheus_rule_group_last_duration_seconds",
           "Duration of the last evaluation of a rule group.", kGauge,
           [](const GroupStats& g) { return g.last_seconds; });
  PerGroup(text, groups, "prometheus_rule_group_last_rule_duration_sum_seconds",
           "Durations of the rules in the last evaluation of a rule group, added up.", kGauge,
           [](const GroupStats& g) { return g.last_rule_seconds_sum; });
  PerGroup(text, groups, "prometheus_rule_group_last_evaluation_timestamp_seconds",
           "Time of the last evaluation of a rule group.", kGauge,
           [](const GroupStats& g) { return g.last_evaluation_seconds; });
  PerGroup(text, groups, "prometheus_rule_group_last_evaluation_samples",
           "Samples that the last evaluation of a rule group made.", kGauge,
           [](const GroupStats& g) { return g.last_samples; });
  PerGroup(text, groups, "prometheus_rule_group_last_restore_duration_seconds",
           "Duration of the restoration of alerts of a rule group after the start.", kGauge,
           [](const GroupStats& g) { return g.last_restore_seconds; });
  PerGroup(text, groups, "prometheus_rule_group_rules", "Rules of a group.", kGauge,
           [](const GroupStats& g) { return g.rules; });
  static const std::vector<double> rule_ranks = {0.5, 0.9, 0.99};
  static const std::vector<double> group_ranks = {0.01, 0.05, 0.5, 0.9, 0.99};
  rules::EvaluationTimes times = rules.evaluation_times(rule_ranks, group_ranks);
  MetricsPage page(out);
  constexpr std::string_view kRules = "prometheus_rule_evaluation_duration_seconds";
  text.Family(kRules, "Durations of evaluations of rules.", MetricType::kSummary);
  page.Summary(kRules, {}, rule_ranks, times.rules);
  constexpr std::string_view kGroups = "prometheus_rule_group_duration_seconds";
  text.Family(kGroups, "Durations of evaluations of rule groups.", MetricType::kSummary);
  page.Summary(kGroups, {}, group_ranks, times.groups);
}

void WriteNotifyMetrics(const notify::NotifyStats& stats, std::string& out) {
  exposition::TextWriter text(out);
  constexpr MetricType kCounter = MetricType::kCounter;
  constexpr MetricType kGauge = MetricType::kGauge;
  constexpr std::string_view kDiscovered = "prometheus_notifications_alertmanagers_discovered";
  text.Family(kDiscovered, "Alertmanagers that alerts are told to.", kGauge);
  text.Sample(kDiscovered, static_cast<double>(stats.senders.size()));
  PerAlertmanager(text, stats, "prometheus_notifications_sent_total", "Alerts sent, taken or not.",
                  kCounter, [](const notify::SenderStats& s) { return s.sent; });
  PerAlertmanager(text, stats, "prometheus_notifications_errors_total",
                  "Alerts that an Alertmanager did not take.", kCounter,
                  [](const notify::SenderStats& s) { return s.errors; });
  PerAlertmanager(text, stats, "prometheus_notifications_dropped_total",
                  "Alerts given up because of errors or a full queue.", kCounter,
                  [](const notify::SenderStats& s) { return s.dropped; });
  PerAlertmanager(text, stats, "prometheus_notifications_queue_length",
                  "Alerts that wait to be sent.", kGauge,
                  [](const notify::SenderStats& s) { return s.queued; });
  PerAlertmanager(text, stats, "prometheus_notifications_queue_capacity",
                  "Alerts that may wait to be sent.", kGauge,
                  [&](const notify::SenderStats&) { return stats.queue_capacity; });
  constexpr std::string_view kLatency = "prometheus_notifications_latency_seconds";
  text.Family(kLatency, "Durations of requests to an Alertmanager.", MetricType::kSummary);
  MetricsPage page(out);
  for (const notify::SenderStats& sender : stats.senders) {
    page.Summary(kLatency, {{"alertmanager", sender.url}}, notify::LatencyRanks(), sender.requests);
  }
}

}  // namespace slurmscope::api
