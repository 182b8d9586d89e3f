#include <algorithm>
#include <array>

#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

constexpr std::array<std::string_view, 5> kProtocolNames = {
    "PrometheusProto", "PrometheusText0.0.4", "PrometheusText1.0.0", "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0"};
constexpr std::array<std::string_view, 4> kEscapings = {"allow-utf-8", "underscores", "dots",
                                                        "values"};

std::optional<ScrapeProtocol> ReadProtocol(MappingReader* reader, std::string_view key,
                                           std::string_view name) {
  auto found = std::find(kProtocolNames.begin(), kProtocolNames.end(), name);
  if (found != kProtocolNames.end())
    return static_cast<ScrapeProtocol>(found - kProtocolNames.begin());
  reader->Error(key, StrCat(Quote(name),
                            " is none of PrometheusProto, PrometheusText0.0.4, "
                            "PrometheusText1.0.0, OpenMetricsText0.0.1, "
                            "OpenMetricsText1.0.0"));
  return std::nullopt;
}

void ReadProtocols(MappingReader* reader, NegotiationConfig* config) {
  constexpr std::string_view kKey = "scrape_protocols";
  std::vector<std::string> names;
  if (!reader->StringList(kKey, &names)) return;
  config->protocols_given = true;
  config->protocols.clear();
  if (names.empty()) reader->Error(kKey, "at least one protocol is required");
  for (const std::string& name : names) {
    std::optional<ScrapeProtocol> protocol = ReadProtocol(reader, kKey, name);
    if (!protocol) continue;
    auto& protocols = config->protocols;
    if (std::find(protocols.begin(), protocols.end(), *protocol) != protocols.end()) {
      reader->Error(kKey, StrCat(Quote(name), " is there twice"));
    }
    protocols.push_back(*protocol);
  }
}

void ReadNames(MappingReader* reader, NegotiationConfig* config) {
  std::string validation;
  if (reader->String("metric_name_validation_scheme", &validation) && !validation.empty()) {
    if (validation != "utf8" && validation != "legacy") {
      reader->Error("metric_name_validation_scheme",
                    StrCat(Quote(validation), " is neither utf8 nor legacy"));
    }
    config->utf8_names = validation != "legacy";
    config->escaping = config->utf8_names ? "allow-utf-8" : "underscores";
  }
  constexpr std::string_view kKey = "metric_name_escaping_scheme";
  std::string escaping;
  if (!reader->String(kKey, &escaping) || escaping.empty()) return;
  if (std::find(kEscapings.begin(), kEscapings.end(), escaping) == kEscapings.end()) {
    reader->Error(kKey,
                  StrCat(Quote(escaping), " is none of allow-utf-8, underscores, dots, values"));
  } else if (escaping == "allow-utf-8" && !config->utf8_names) {
    reader->Error(kKey, "allow-utf-8 needs metric_name_validation_scheme: utf8");
  }
  config->escaping = escaping;
}

// Of the formats only protobuf has native histograms.
void PreferProtobuf(NegotiationConfig* config) {
  config->protocols = NegotiationConfig().protocols;
  if (!config->native_histograms) return;
  config->protocols.insert(config->protocols.begin(), ScrapeProtocol::kPrometheusProto);
}

}  // namespace

NegotiationConfig ReadNegotiation(MappingReader* reader, const NegotiationConfig& defaults) {
  NegotiationConfig config = defaults;
  ReadProtocols(reader, &config);
  ReadNames(reader, &config);
  reader->Bool("extra_scrape_metrics", &config.extra_metrics);
  reader->Bool("scrape_native_histograms", &config.native_histograms);
  reader->Bool("always_scrape_classic_histograms", &config.always_classic_histograms);
  reader->Bool("convert_classic_histograms_to_nhcb", &config.convert_to_nhcb);
  if (!config.protocols_given) PreferProtobuf(&config);
  return config;
}

void ReadFallbackProtocol(MappingReader* reader, NegotiationConfig* config) {
  std::string name;
  if (!reader->String("fallback_scrape_protocol", &name) || name.empty()) return;
  config->fallback = ReadProtocol(reader, "fallback_scrape_protocol", name);
}

}  // namespace slurmscope::config
