#include "scrape/negotiation.h"

#include <gtest/gtest.h>

namespace slurmscope::scrape {
namespace {

using config::NegotiationConfig;
using config::ScrapeProtocol;

TEST(Negotiation, AsksAsPrometheusDoes) {
  EXPECT_EQ(AcceptHeader({}),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
  NegotiationConfig old;
  old.protocols = {ScrapeProtocol::kPrometheusText004};
  EXPECT_EQ(AcceptHeader(old), "text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
  NegotiationConfig escaped;
  escaped.protocols = {ScrapeProtocol::kPrometheusText100};
  escaped.escaping = "values";
  EXPECT_EQ(AcceptHeader(escaped), "text/plain;version=1.0.0;escaping=values;q=0.6,*/*;q=0.5");
}

TEST(Negotiation, AsksForProtobufAndKnowsIt) {
  NegotiationConfig config;
  config.protocols = {ScrapeProtocol::kPrometheusProto, ScrapeProtocol::kPrometheusText004};
  EXPECT_EQ(AcceptHeader(config),
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
            "delimited;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4");
  EXPECT_EQ(*FormatOf("application/vnd.google.protobuf; encoding=delimited; "
                      "proto=io.prometheus.client.MetricFamily",
                      {}),
            BodyFormat::kProtobuf);
  EXPECT_FALSE(FormatOf("application/vnd.google.protobuf; proto=x; encoding=delimited", {}));
  EXPECT_FALSE(FormatOf("application/vnd.google.protobuf", {}));
  config.fallback = ScrapeProtocol::kPrometheusProto;
  EXPECT_EQ(*FormatOf("application/octet-stream", config), BodyFormat::kProtobuf);
}

TEST(Negotiation, TellsTheFormat) {
  EXPECT_EQ(*FormatOf("text/plain; version=0.0.4; charset=utf-8", {}), BodyFormat::kText);
  EXPECT_EQ(*FormatOf("application/openmetrics-text; version=1.0.0", {}), BodyFormat::kOpenMetrics);
  EXPECT_EQ(*FormatOf("", {}), BodyFormat::kText);
  EXPECT_EQ(FormatOf("text/html", {}).error().message(),
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol "
            "specified for target");
  NegotiationConfig fallback;
  fallback.fallback = ScrapeProtocol::kOpenMetricsText001;
  EXPECT_EQ(*FormatOf("text/html", fallback), BodyFormat::kOpenMetrics);
  EXPECT_EQ(*FormatOf("", fallback), BodyFormat::kOpenMetrics);
  EXPECT_EQ(*FormatOf("text/plain", fallback), BodyFormat::kText) << "a type counts more";
}

}  // namespace
}  // namespace slurmscope::scrape
