#include "rules/alerting_rule.h"

#include <algorithm>
#include <unordered_map>

#include "base/log.h"
#include "base/strings.h"
#include "rules/template.h"

namespace slurmscope::rules {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr std::string_view kAlertName = "alertname";
constexpr std::string_view kAlertState = "alertstate";
constexpr std::string_view kAlertsMetric = "ALERTS";
constexpr std::string_view kForStateMetric = "ALERTS_FOR_STATE";
// Resolved alerts are told again for so long, in case an Alertmanager was away.
constexpr int64_t kResolvedRetentionMs = 15 * 60 * 1000;

StringMap ToMap(const model::Labels& labels) {
  StringMap map;
  for (model::Label label : labels) map.emplace(label.name, label.value);
  return map;
}

SampleVector ToTemplateSamples(const promql::VectorResult& result) {
  SampleVector samples;
  for (const promql::VectorSample& sample : result.samples) {
    samples.push_back(std::make_shared<const TemplateSample>(
        TemplateSample{ToMap(sample.labels), sample.v, sample.histogram}));
  }
  return samples;
}

// Expands the texts of one alert.
class Expander {
 public:
  Expander(const std::string& alert, const RuleContext& context, const promql::VectorSample& sample,
           int64_t ts)
      : alert_(alert) {
    data_.labels = ToMap(sample.labels);
    data_.external_labels = context.external_labels;
    data_.external_url = context.external_url;
    data_.value = sample.v;
    data_.histogram = sample.histogram;
    context_.time_ms = ts;
    context_.external_url = context.external_url;
    context_.query = [&context, ts](const std::string& expr) -> Result<SampleVector> {
      return ToTemplateSamples(TRY(context.query(expr, ts)));
    };
  }

  std::string Expand(const std::string& text) const {
    auto result = ExpandAlertTemplate(alert_, text, data_, context_);
    if (result) return *std::move(result);
    base::LogWarn("a template of an alert cannot be expanded",
                  {{"alert", alert_}, {"error", result.error()}});
    return StrCat("<error expanding template: ", result.error().message(), ">");
  }

 private:
  const std::string& alert_;
  TemplateData data_;
  TemplateContext context_;
};

bool NeedsSending(const ActiveAlert& alert, int64_t ts, int64_t resend_delay_ms) {
  if (alert.state == AlertState::kPending) return false;
  if (alert.resolved_at_ms > alert.last_sent_ms) return true;
  return alert.last_sent_ms + resend_delay_ms < ts;
}

// The last sample of each series of a rule's ALERTS_FOR_STATE, by its labels without the name.
Result<std::unordered_map<model::Labels, model::Sample>> LastStates(model::Queryable& storage,
                                                                    const std::string& alert,
                                                                    int64_t mint, int64_t maxt) {
  auto querier = TRY(storage.NewQuerier(mint, maxt));
  std::vector<model::Matcher> matchers = {
      model::Matcher::Equal(model::kMetricName, kForStateMetric),
      model::Matcher::Equal(kAlertName, alert)};
  model::SelectHints hints;
  hints.start = mint;
  hints.end = maxt;
  auto series = TRY(querier->Select(false, hints, matchers));
  std::unordered_map<model::Labels, model::Sample> last;
  model::Columns columns;
  for (size_t i = 0; i < series->size(); ++i) {
    TRY(series->Decode(i, mint, maxt, &columns));
    if (columns.size() == 0) continue;
    model::Labels labels =
        model::LabelsBuilder(series->LabelsAt(i)).Remove(model::kMetricName).Build();
    last[labels] = {columns.t.back(), columns.v.back()};
  }
  return last;
}

}  // namespace

AlertingRule::AlertingRule(const config::RuleConfig& config,
                           std::map<std::string, std::string> labels, bool restored)
    : Rule(config, std::move(labels)), restored_(restored) {}

ActiveAlert AlertingRule::MakeAlert(const RuleContext& context, const promql::VectorSample& sample,
                                    int64_t ts) const {
  Expander expander(config().alert, context, sample, ts);
  model::LabelsBuilder builder(sample.labels);
  builder.Remove(model::kMetricName);
  for (const auto& [name, text] : labels()) builder.Set(name, expander.Expand(text));
  builder.Set(kAlertName, config().alert);
  ActiveAlert alert;
  alert.labels = builder.Build();
  for (const auto& [name, text] : config().annotations)
    alert.annotations[name] = expander.Expand(text);
  alert.value = sample.v;
  alert.active_at_ms = ts;
  return alert;
}

Result<AlertingRule::Alerts> AlertingRule::Found(const RuleContext& context, int64_t ts) const {
  promql::VectorResult result = TRY(context.query(query(), ts - context.query_offset_ms));
  Alerts found;
  for (const promql::VectorSample& sample : result.samples) {
    ActiveAlert alert = MakeAlert(context, sample, ts);
    model::Labels key = alert.labels;
    if (!found.emplace(std::move(key), std::move(alert)).second) {
      return Fail(ErrorCode::kInvalidArgument,
                  "vector contains metrics with the same labelset after applying alert labels");
    }
  }
  return found;
}

// One evaluation of one alert; false when it is no longer active.
bool AlertingRule::Advance(ActiveAlert& alert, bool present, int64_t ts) const {
  if (present) {
    alert.keep_firing_since_ms = 0;
  } else {
    bool may_keep = alert.state == AlertState::kFiring && config().keep_firing_for_ms > 0;
    if (may_keep && alert.keep_firing_since_ms == 0) alert.keep_firing_since_ms = ts;
    bool kept = may_keep && ts - alert.keep_firing_since_ms < config().keep_firing_for_ms;
    if (!kept) {
      if (alert.state == AlertState::kFiring) alert.resolved_at_ms = ts;
      alert.state = AlertState::kInactive;
      return false;
    }
  }
  bool held = ts - alert.active_at_ms >= config().for_ms;
  if (alert.state == AlertState::kPending && held) {
    alert.state = AlertState::kFiring;
    alert.fired_at_ms = ts;
  } else if (alert.state == AlertState::kFiring && present && !held) {
    alert.state = AlertState::kPending;  // a reload made `for` longer
    alert.fired_at_ms = 0;
  }
  return true;
}

void AlertingRule::AppendSamples(const ActiveAlert& alert, int64_t t,
                                 std::vector<RuleSample>* samples) const {
  model::LabelsBuilder builder(alert.labels);
  builder.Set(model::kMetricName, kForStateMetric);
  model::Labels for_state = builder.Build();
  builder.Set(model::kMetricName, kAlertsMetric);
  builder.Set(kAlertState, ToString(alert.state));
  samples->push_back({builder.Build(), t, 1});
  // Whole seconds, as Prometheus stores it.
  samples->push_back({std::move(for_state), t, static_cast<double>(alert.active_at_ms / 1000)});
}

Result<std::vector<RuleSample>> AlertingRule::Evaluate(const RuleContext& context, int64_t ts) {
  Alerts found = TRY(Found(context, ts));
  std::lock_guard lock(alerts_mutex_);
  for (auto& [labels, alert] : found) {
    auto known = alerts_.find(labels);
    if (known != alerts_.end() && known->second.state != AlertState::kInactive) {
      known->second.value = alert.value;
      known->second.annotations = alert.annotations;
    } else {
      alerts_[labels] = alert;
    }
  }
  std::vector<RuleSample> samples;
  uint64_t active = 0;
  for (auto it = alerts_.begin(); it != alerts_.end();) {
    ActiveAlert& alert = it->second;
    bool was_pending = alert.state == AlertState::kPending;
    if (Advance(alert, found.contains(it->first), ts)) {
      ++active;
      if (restored_) AppendSamples(alert, ts - context.query_offset_ms, &samples);
    } else if (was_pending || ts - alert.resolved_at_ms > kResolvedRetentionMs) {
      it = alerts_.erase(it);
      continue;
    }
    ++it;
  }
  if (context.limit > 0 && active > context.limit) {
    alerts_.clear();
    return Fail(ErrorCode::kResourceExhausted,
                StrCat("exceeded limit of ", context.limit, " with ", active, " alerts"));
  }
  return samples;
}

std::vector<model::Alert> AlertingRule::TakeDue(int64_t ts, int64_t resend_delay_ms,
                                                int64_t interval_ms,
                                                const std::string& external_url) {
  std::vector<model::Alert> due;
  std::lock_guard lock(alerts_mutex_);
  for (auto& [labels, alert] : alerts_) {
    if (!NeedsSending(alert, ts, resend_delay_ms)) continue;
    alert.last_sent_ms = ts;
    model::Alert& told = due.emplace_back();
    told.labels = labels;
    told.annotations = alert.annotations;
    told.starts_at_ms = alert.fired_at_ms;
    // Two evaluations or sendings may fail before an Alertmanager takes it for resolved.
    told.ends_at_ms = alert.resolved_at_ms != 0 ? alert.resolved_at_ms
                                                : ts + 4 * std::max(resend_delay_ms, interval_ms);
    told.generator_url = external_url + TableLink(query());
  }
  return due;
}

void AlertingRule::RestoreAlert(ActiveAlert& alert, const model::Sample& last, int64_t ts,
                                const RestoreOptions& options) const {
  int64_t down_at = last.t / 1000 * 1000;
  int64_t active_at = static_cast<int64_t>(last.v) * 1000;
  int64_t remaining = config().for_ms - (down_at - active_at);
  // It fired when we went down: it fires again at the next evaluation.
  if (remaining > 0 && remaining < options.grace_period_ms) {
    active_at = ts + options.grace_period_ms - config().for_ms;
  } else if (remaining > 0) {
    active_at += ts - down_at;  // the time of the outage does not count
  }
  alert.active_at_ms = active_at;
}

Result<void> AlertingRule::Restore(model::Queryable& storage, int64_t ts,
                                   const RestoreOptions& options) {
  // Whatever goes wrong here, there is no second try.
  struct Done {
    std::atomic<bool>& restored;
    ~Done() { restored = true; }
  } done{restored_};
  if (config().for_ms < options.grace_period_ms) return {};
  auto states = TRY(LastStates(storage, config().alert, ts - options.outage_tolerance_ms, ts));
  std::lock_guard lock(alerts_mutex_);
  for (auto& [labels, alert] : alerts_) {
    auto state = states.find(labels);
    if (state == states.end() || model::IsStale(state->second.v)) continue;
    RestoreAlert(alert, state->second, ts, options);
  }
  return {};
}

void AlertingRule::CopyAlerts(const AlertingRule& from) {
  std::scoped_lock lock(alerts_mutex_, from.alerts_mutex_);
  alerts_ = from.alerts_;
  restored_ = from.restored_.load();
}

RuleStatus AlertingRule::status() const {
  RuleStatus status = Rule::status();
  std::lock_guard lock(alerts_mutex_);
  for (const auto& [labels, alert] : alerts_) {
    status.state = std::max(status.state, alert.state);
    if (alert.state == AlertState::kInactive) continue;
    status.alerts.push_back({labels, alert.annotations, alert.state, alert.value,
                             alert.active_at_ms, alert.keep_firing_since_ms});
  }
  return status;
}

}  // namespace slurmscope::rules
