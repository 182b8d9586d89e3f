#include "exposition/text_writer.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace slurmscope::exposition {
namespace {

TEST(TextWriter, FamilyLines) {
  std::string out;
  TextWriter writer(out);
  writer.Family("a_total", "Back\\slash,\nnew \"line\".", model::MetricType::kCounter);
  EXPECT_EQ(out, "# HELP a_total Back\\\\slash,\\nnew \"line\".\n# TYPE a_total counter\n");
}

TEST(TextWriter, TypesThatTheFormatLacksUseTheClosestWord) {
  const std::pair<model::MetricType, std::string_view> cases[] = {
      {model::MetricType::kUnknown, "untyped"},
      {model::MetricType::kGauge, "gauge"},
      {model::MetricType::kInfo, "gauge"},
      {model::MetricType::kStateset, "gauge"},
      {model::MetricType::kSummary, "summary"},
      {model::MetricType::kHistogram, "histogram"},
      {model::MetricType::kGaugeHistogram, "histogram"}};
  for (const auto& [type, word] : cases) {
    std::string out;
    TextWriter(out).Family("x", "", type);
    EXPECT_EQ(out, "# HELP x \n# TYPE x " + std::string(word) + "\n");
  }
}

TEST(TextWriter, SamplesWithAndWithoutLabels) {
  std::string out;
  TextWriter writer(out);
  writer.Sample("up", 1);
  writer.Sample("x", {{"a", "1"}, {"b", "q\"\\\n"}}, 1e6);
  EXPECT_EQ(out, "up 1\nx{a=\"1\",b=\"q\\\"\\\\\\n\"} 1e+06\n");
}

TEST(TextWriter, NumbersAsGoPrintsThem) {
  const std::pair<double, std::string_view> cases[] = {
      {953880, "953880"},
      {1.055154e6, "1.055154e+06"},
      {0.0001, "0.0001"},
      {1.305e-6, "1.305e-06"},
      {std::nan(""), "NaN"},
      {std::numeric_limits<double>::infinity(), "+Inf"},
      {-0.5, "-0.5"},
      {-std::numeric_limits<double>::infinity(), "-Inf"},
      {14.036781000000001, "14.036781000000001"}};
  for (const auto& [value, text] : cases) {
    std::string out;
    TextWriter(out).Sample("x", value);
    EXPECT_EQ(out, "x " + std::string(text) + "\n");
  }
}

}  // namespace
}  // namespace slurmscope::exposition
