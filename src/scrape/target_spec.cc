#include "scrape/target_spec.h"

#include <utility>

#include "base/bytes.h"
#include "base/duration.h"
#include "base/strings.h"
#include "discovery/relabel.h"
#include "http/client.h"

namespace slurmscope::scrape {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using model::LabelsBuilder;

constexpr std::string_view kParamPrefix = "__param_";

std::string MakeUrl(const config::ScrapeConfig& config, const LabelsBuilder& labels) {
  auto params = config.params;
  for (const auto& [name, value] : labels.pairs()) {
    if (!name.starts_with(kParamPrefix)) continue;
    std::vector<std::string>& values = params[name.substr(kParamPrefix.size())];
    if (values.empty()) values.emplace_back();
    values[0] = value;
  }
  http::Pairs pairs;
  for (const auto& [name, values] : params) {
    for (const std::string& value : values) pairs.emplace_back(name, value);
  }
  std::string_view path = labels.Get("__metrics_path__");
  std::string url = StrCat(labels.Get("__scheme__"), "://", labels.Get("__address__"),
                           path.starts_with('/') ? "" : "/", path);
  if (!pairs.empty()) base::StrAppend(url, "?", http::EncodeForm(pairs));
  return url;
}

Result<int64_t> DurationLabel(const LabelsBuilder& labels, std::string_view name) {
  int64_t value = TRY_CONTEXT(base::ParseDurationMs(labels.Get(name)), StrCat("label ", name));
  if (value <= 0) return Fail(ErrorCode::kInvalidArgument, StrCat("label ", name, " cannot be 0"));
  return value;
}

Result<void> CheckAddress(std::string_view address) {
  if (address.empty()) return Fail(ErrorCode::kInvalidArgument, "no address");
  if (address.find_first_of("/ \t\n?#@") != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(base::Quote(address), " is not a valid hostname"));
  }
  return {};
}

model::Labels PublicLabels(const LabelsBuilder& labels) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (const auto& [name, value] : labels.pairs()) {
    if (!name.starts_with("__")) pairs.emplace_back(name, value);
  }
  return model::Labels::FromPairs(std::move(pairs));
}

}  // namespace

uint64_t TargetSpec::Hash() const { return labels.Hash() * 31 + base::Hash64(url); }

LabelMap DiscoveredLabels(const config::ScrapeConfig& config, const std::string& address,
                          const LabelMap& group_labels) {
  LabelMap labels = {{"__address__", address}};
  labels.insert(group_labels.begin(), group_labels.end());
  auto set_default = [&](const std::string& name, const std::string& value) {
    std::string& slot = labels[name];
    if (slot.empty()) slot = value;
  };
  set_default("job", config.job_name);
  set_default("__scrape_interval__", base::FormatDurationMs(config.scrape_interval_ms));
  set_default("__scrape_timeout__", base::FormatDurationMs(config.scrape_timeout_ms));
  set_default("__metrics_path__", config.metrics_path);
  set_default("__scheme__", config.scheme);
  for (const auto& [name, values] : config.params) {
    if (!values.empty()) set_default(StrCat(kParamPrefix, name), values[0]);
  }
  return labels;
}

Result<std::optional<TargetSpec>> MakeTarget(const config::ScrapeConfig& config,
                                             LabelMap discovered) {
  LabelsBuilder labels;
  for (const auto& [name, value] : discovered) labels.Set(name, value);
  if (!discovery::Relabel(config.relabel_configs, &labels)) return std::optional<TargetSpec>();
  TRY(CheckAddress(labels.Get("__address__")));
  TargetSpec spec;
  spec.interval_ms = TRY(DurationLabel(labels, "__scrape_interval__"));
  spec.timeout_ms = TRY(DurationLabel(labels, "__scrape_timeout__"));
  if (spec.timeout_ms > spec.interval_ms) {
    return Fail(ErrorCode::kInvalidArgument, "scrape timeout is greater than the scrape interval");
  }
  std::string scheme(labels.Get("__scheme__"));
  if (scheme != "http" && scheme != "https") {
    return Fail(ErrorCode::kInvalidArgument, StrCat("invalid scheme ", base::Quote(scheme)));
  }
  if (labels.Get(model::kInstanceLabel).empty()) {
    labels.Set(model::kInstanceLabel, std::string(labels.Get("__address__")));
  }
  for (const auto& [name, value] : labels.pairs()) {
    if (base::IsValidUtf8(name) && base::IsValidUtf8(value)) continue;
    return Fail(ErrorCode::kInvalidArgument, StrCat("label ", base::Quote(name), " is not UTF-8"));
  }
  spec.labels = PublicLabels(labels);
  spec.url = MakeUrl(config, labels);
  spec.discovered = std::move(discovered);
  return spec;
}

}  // namespace slurmscope::scrape
