#include "scrape/negotiation.h"

#include "base/strings.h"

namespace slurmscope::scrape {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using config::ScrapeProtocol;

// Of the newer forms of a format, which say what to do with names of other than the old characters.
bool HasEscaping(ScrapeProtocol protocol) {
  return protocol == ScrapeProtocol::kPrometheusText100 ||
         protocol == ScrapeProtocol::kOpenMetricsText100;
}

std::string_view MediaType(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::kPrometheusText004:
      return "text/plain;version=0.0.4";
    case ScrapeProtocol::kPrometheusText100:
      return "text/plain;version=1.0.0";
    case ScrapeProtocol::kOpenMetricsText001:
      return "application/openmetrics-text;version=0.0.1";
    case ScrapeProtocol::kOpenMetricsText100:
      return "application/openmetrics-text;version=1.0.0";
    case ScrapeProtocol::kPrometheusProto:
      return "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
             "delimited";
  }
  return "";
}

BodyFormat FormatOf(ScrapeProtocol protocol) {
  if (protocol == ScrapeProtocol::kPrometheusProto) return BodyFormat::kProtobuf;
  bool openmetrics = protocol == ScrapeProtocol::kOpenMetricsText001 ||
                     protocol == ScrapeProtocol::kOpenMetricsText100;
  return openmetrics ? BodyFormat::kOpenMetrics : BodyFormat::kText;
}

// Of protobuf messages only the one that is asked for; the order of parameters is free.
bool IsFamilies(std::string_view content_type, std::string_view type) {
  if (type != "application/vnd.google.protobuf") return false;
  bool families = false;
  bool delimited = false;
  for (std::string_view part : base::Split(content_type, ';')) {
    part = base::TrimSpace(part);
    families |= part == "proto=io.prometheus.client.MetricFamily";
    delimited |= part == "encoding=delimited";
  }
  return families && delimited;
}

}  // namespace

std::string AcceptHeader(const config::NegotiationConfig& config) {
  // As Prometheus weighs them: 0.6 for the first of all protocols that there are, and so on down.
  int weight = 6;
  std::string header;
  for (ScrapeProtocol protocol : config.protocols) {
    base::StrAppend(header, MediaType(protocol));
    if (HasEscaping(protocol)) base::StrAppend(header, ";escaping=", config.escaping);
    base::StrAppend(header, ";q=0.", weight--, ",");
  }
  return StrCat(header, "*/*;q=0.", weight);
}

Result<BodyFormat> FormatOf(std::string_view content_type,
                            const config::NegotiationConfig& config) {
  std::string_view type = base::TrimSpace(content_type.substr(0, content_type.find(';')));
  if (type == "application/openmetrics-text") return BodyFormat::kOpenMetrics;
  if (type == "text/plain") return BodyFormat::kText;
  if (IsFamilies(content_type, type)) return BodyFormat::kProtobuf;
  if (config.fallback) return FormatOf(*config.fallback);
  if (type.empty()) return BodyFormat::kText;
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("received unsupported Content-Type ", base::Quote(content_type),
                     " and no fallback_scrape_protocol specified for target"));
}

}  // namespace slurmscope::scrape
