#include "api/rule_metrics.h"

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
  rules::EvaluationTimes times = rules.evaluation_times();
  auto summary = [&](std::string_view name, std::string_view help, const rules::TimeSum& sum) {
    text.Family(name, help, MetricType::kSummary);
    text.Sample(std::string(name) + "_sum", sum.seconds);
    text.Sample(std::string(name) + "_count", static_cast<double>(sum.count));
  };
  summary("prometheus_rule_evaluation_duration_seconds", "Durations of evaluations of rules.",
          times.rules);
  summary("prometheus_rule_group_duration_seconds", "Durations of evaluations of rule groups.",
          times.groups);
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
  for (const notify::SenderStats& sender : stats.senders) {
    text.Sample("prometheus_notifications_latency_seconds_sum", {{"alertmanager", sender.url}},
                sender.seconds);
    text.Sample("prometheus_notifications_latency_seconds_count", {{"alertmanager", sender.url}},
                static_cast<double>(sender.requests));
  }
}

}  // namespace slurmscope::api
