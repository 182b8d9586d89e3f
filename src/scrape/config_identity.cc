#include "scrape/config_identity.h"

#include <bit>
#include <string_view>

#include "base/bytes.h"

namespace slurmscope::scrape {
namespace {

// Lengths before texts, so that no two settings run into each other.
void Put(std::string& out, std::string_view text) { base::PutUvarintString(out, text); }
void Put(std::string& out, uint64_t value) { base::PutUvarint(out, value); }

void Put(std::string& out, const config::RelabelConfig& rule) {
  Put(out, rule.source_labels.size());
  for (const std::string& label : rule.source_labels) Put(out, label);
  Put(out, rule.separator);
  Put(out, rule.regex.pattern());
  Put(out, rule.modulus);
  Put(out, rule.target_label);
  Put(out, rule.replacement);
  Put(out, static_cast<uint64_t>(rule.action));
}

void Put(std::string& out, const config::NegotiationConfig& negotiation) {
  Put(out, negotiation.protocols.size());
  for (config::ScrapeProtocol protocol : negotiation.protocols)
    Put(out, static_cast<uint64_t>(protocol));
  Put(out, negotiation.fallback ? static_cast<uint64_t>(*negotiation.fallback) + 1 : 0);
  Put(out, negotiation.escaping);
  for (bool flag :
       {negotiation.utf8_names, negotiation.extra_metrics, negotiation.native_histograms,
        negotiation.always_classic_histograms, negotiation.convert_to_nhcb})
    Put(out, uint64_t{flag});
}

void Put(std::string& out, const std::vector<config::RelabelConfig>& rules) {
  Put(out, rules.size());
  for (const config::RelabelConfig& rule : rules) Put(out, rule);
}

}  // namespace

std::string ConfigIdentity(const config::ScrapeConfig& config) {
  std::string out;
  for (const std::string* text :
       {&config.job_name, &config.metrics_path, &config.scheme, &config.scrape_failure_log_file})
    Put(out, *text);
  for (int64_t duration : {config.scrape_interval_ms, config.scrape_timeout_ms})
    base::PutVarint(out, duration);
  for (bool flag : {config.honor_labels, config.honor_timestamps, config.track_timestamps_staleness,
                    config.enable_compression}) {
    Put(out, uint64_t{flag});
  }
  Put(out, config.negotiation);
  for (uint64_t limit :
       {config.body_size_limit, config.sample_limit, config.target_limit, config.label_limit,
        config.label_name_length_limit, config.label_value_length_limit,
        config.keep_dropped_targets, config.native_histogram_bucket_limit,
        std::bit_cast<uint64_t>(config.native_histogram_min_bucket_factor)}) {
    Put(out, limit);
  }
  Put(out, config::Identity(config.http));
  Put(out, config.params.size());
  for (const auto& [name, values] : config.params) {
    Put(out, name);
    Put(out, values.size());
    for (const std::string& value : values) Put(out, value);
  }
  Put(out, config.relabel_configs);
  Put(out, config.metric_relabel_configs);
  return out;
}

}  // namespace slurmscope::scrape
