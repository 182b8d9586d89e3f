#include "exposition/federation_writer.h"

#include <gtest/gtest.h>

namespace slurmscope::exposition {
namespace {

std::vector<FederatedSample> Samples() {
  return {{{{"__name__", "a"}, {"instance", "i"}, {"x", "q\"\n"}}, 5, 1.5, nullptr},
          {{{"__name__", "a"}, {"site", "own"}}, 6, 2, nullptr},
          {{{"__name__", "d.ö"}, {"l.x", "v"}}, 7, 3, nullptr}};
}

TEST(FederationWriter, TextOfOld) {
  EXPECT_EQ(WriteFederation(Samples(), {{"site", "s1"}}, {}),
            "# TYPE a untyped\n"
            "a{instance=\"i\",x=\"q\\\"\\n\",site=\"s1\"} 1.5 5\n"
            "a{site=\"own\",instance=\"\"} 2 6\n"
            "# TYPE d__ untyped\n"
            "d__{l_x=\"v\",instance=\"\",site=\"s1\"} 3 7\n");
}

TEST(FederationWriter, TextWithAllNames) {
  const auto format =
      FederationFormat::Of("text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2");
  EXPECT_TRUE(format.utf8_names);
  const std::string text = WriteFederation(Samples(), {}, format);
  EXPECT_NE(text.find("# TYPE \"d.ö\" untyped\n{\"d.ö\",\"l.x\"=\"v\",instance=\"\"} 3 7\n"),
            std::string::npos)
      << text;
}

TEST(FederationWriter, TakesTheFirstFormatItKnows) {
  using Kind = FederationFormat::Kind;
  EXPECT_EQ(FederationFormat::Of("").kind, Kind::kText);
  EXPECT_EQ(FederationFormat::Of("application/openmetrics-text;version=1.0.0,text/plain").kind,
            Kind::kText);
  EXPECT_EQ(FederationFormat::Of("application/vnd.google.protobuf;proto=io.prometheus.client."
                                 "MetricFamily;encoding=delimited;q=0.6,text/plain;q=0.5")
                .kind,
            Kind::kProtobuf);
  EXPECT_EQ(FederationFormat::Of("application/vnd.google.protobuf;proto=x;encoding=delimited").kind,
            Kind::kText);
  EXPECT_FALSE(FederationFormat::Of("text/plain;version=0.0.4;escaping=allow-utf-8").utf8_names);
  EXPECT_EQ(FederationFormat{}.content_type(), "text/plain; version=0.0.4; charset=utf-8");
}

TEST(FederationWriter, OnlyProtobufHasHistograms) {
  auto h = std::make_shared<model::FloatHistogram>();
  h->count = 1;
  h->positive = {{1, 1}};
  std::vector<FederatedSample> samples = {{{{"__name__", "h"}}, 5, 0, h}};
  EXPECT_EQ(WriteFederation(samples, {}, {}), "");
  EXPECT_NE(WriteFederation(samples, {}, {FederationFormat::Kind::kProtobuf, false}), "");
  h->schema = model::FloatHistogram::kCustomSchema;
  EXPECT_EQ(WriteFederation(samples, {}, {FederationFormat::Kind::kProtobuf, false}), "");
}

}  // namespace
}  // namespace slurmscope::exposition
