#include "exposition/proto_source.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/float_text.h"
#include "base/strings.h"
#include "exposition/nhcb_source.h"
#include "exposition/proto_page_for_test.h"
#include "exposition/proto_writer.h"

namespace slurmscope::exposition {
namespace {

using base::StrCat;

std::string Describe(const Item& item) {
  std::string text = item.raw;
  if (item.kind != Entry::Kind::kSample) return text;
  if (item.histogram) {
    text +=
        " " + std::visit(
                  [](const auto& h) {
                    if constexpr (std::is_same_v<std::decay_t<decltype(h)>, model::IntHistogram>)
                      return h.ToFloat().ToString();
                    else
                      return "float " + h.ToString();
                  },
                  *item.histogram);
  } else {
    text += " " + base::FormatFloat(item.value, base::FloatStyle::kExposition);
  }
  if (item.timestamp) text += StrCat(" @", *item.timestamp);
  if (item.created_ms != 0) text += StrCat(" since ", item.created_ms);
  for (const model::Exemplar& exemplar : item.exemplars) {
    text += StrCat(" # ", exemplar.labels.ToString(), " ",
                   base::FormatFloat(exemplar.value, base::FloatStyle::kExposition));
    if (exemplar.has_timestamp) text += StrCat(" @", exemplar.t);
  }
  return text;
}

// What the items say, one a line; or the error.
std::string Read(ItemReader::Source source) {
  ItemReader reader(std::move(source));
  std::string text;
  while (true) {
    auto entry = reader.Next();
    if (!entry) return entry.error().message();
    if (entry->kind == Entry::Kind::kEnd) return text;
    text += Describe(*reader.item()) + "\n";
  }
}

TEST(ProtoSource, NumbersOfAllTypes) {
  std::string value;
  base::ProtoWriter(value).add_double(proto::kValue, 1.5);
  std::string summary;
  base::ProtoWriter writer(summary);
  writer.add_uint64(proto::kSummaryCount, 4);
  writer.add_double(proto::kSummarySum, std::nan(""));
  for (double at : {0.5, 1.0}) {
    base::ProtoWriter quantile(writer, proto::kSummaryQuantile);
    quantile.add_double(proto::kQuantileOf, at);
    quantile.add_double(proto::kQuantileValue, at * 10);
  }
  const std::string page = ProtoFamilyForTest("requests_total", proto::kCounter, "All\nof them.")
                               .Add("code", "2\"00", proto::kMetricCounter,
                                    ProtoCounterForTest(7, 5, ProtoExemplarForTest("x", 2)))
                               .Page() +
                           ProtoFamilyForTest("temp", proto::kGauge)
                               .Add("", "", proto::kMetricGauge, value, 1234)
                               .Page() +
                           ProtoFamilyForTest("rpc", proto::kSummary)
                               .Add("", "", proto::kMetricSummary, summary)
                               .Page() +
                           ProtoFamilyForTest("dotted.name", proto::kUntyped)
                               .Add("l.x", "v", proto::kMetricUntyped, value)
                               .Page();
  EXPECT_EQ(Read(ProtoSource(page, {})),
            "# HELP requests_total All\\nof them.\n"
            "# TYPE requests_total counter\n"
            "{\"requests_total\",\"code\"=\"2\\\"00\"} 7 since 5000 # {trace=\"x\"} 2\n"
            "# TYPE temp gauge\n"
            "{\"temp\"} 1.5 @1234\n"
            "# TYPE rpc summary\n"
            "{\"rpc_count\"} 4\n"
            "{\"rpc_sum\"} NaN\n"
            "{\"rpc\",\"quantile\"=\"0.5\"} 5\n"
            "{\"rpc\",\"quantile\"=\"1.0\"} 10\n"
            "# TYPE dotted.name unknown\n"
            "{\"dotted.name\",\"l.x\"=\"v\"} 1.5\n");
  EXPECT_EQ(ParseSeries("{\"dotted.name\",\"l.x\"=\"v\"}")->ToString(),
            "{\"dotted.name\", \"l.x\"=\"v\"}");
}

class HistogramPage : public testing::TestWithParam<bool> {};

const std::string kClassic =
    "{\"h_count\"} 3 since 7000\n"
    "{\"h_sum\"} 2.5 since 7000\n"
    "{\"h_bucket\",\"le\"=\"0.5\"} 0 since 7000\n"
    "{\"h_bucket\",\"le\"=\"1.0\"} 2 since 7000 # {trace=\"t\"} 0.7 @99000\n"
    "{\"h_bucket\",\"le\"=\"+Inf\"} 3 since 7000\n";
const std::string kNative =
    "{\"h\"} {count:3, sum:2.5, (0.5,1]:2, (1,2]:1} since 7000 # {trace=\"t\"} 0.7 @99000\n";

TEST_P(HistogramPage, ClassicNativeOrBoth) {
  const std::string page =
      ProtoFamilyForTest("h", proto::kHistogram)
          .Add("", "", proto::kMetricHistogram, ProtoHistogramForTest(2, 1, true, GetParam(), 7))
          .Page();
  EXPECT_EQ(Read(ProtoSource(page, {})), "# TYPE h histogram\n" + kClassic);
  EXPECT_EQ(Read(ProtoSource(page, {true, false})), "# TYPE h histogram\n" + kNative);
  EXPECT_EQ(Read(ProtoSource(page, {true, true})), "# TYPE h histogram\n" + kNative + kClassic);
}
INSTANTIATE_TEST_SUITE_P(PackedOrNot, HistogramPage, testing::Bool());

TEST(ProtoSource, TellsWhatIsWrong) {
  const std::string good =
      ProtoFamilyForTest("h", proto::kHistogram)
          .Add("", "", proto::kMetricHistogram, ProtoHistogramForTest(2, 1, true, true))
          .Page();
  for (size_t n = 1; n < good.size(); ++n) {
    const std::string text = Read(ProtoSource(std::string_view(good).substr(0, n), {true, true}));
    EXPECT_TRUE(text.find("cut off") != std::string::npos ||
                text.find("malformed") != std::string::npos)
        << n << " " << text;
  }
  EXPECT_EQ(Read(ProtoSource(ProtoFamilyForTest("g", proto::kGauge)
                                 .Add("", "", proto::kMetricCounter, ProtoCounterForTest(1))
                                 .Page(),
                             {})),
            "a metric of \"g\" has no value of its type");
  EXPECT_EQ(Read(ProtoSource(ProtoFamilyForTest("", proto::kGauge).Page(), {})),
            "a metric family without a name");
  std::string spans = ProtoHistogramForTest(2, 1, true, true);
  base::ProtoWriter(spans).add_sint64(proto::kHistogramPositive + 1, 5);
  EXPECT_EQ(Read(ProtoSource(ProtoFamilyForTest("h", proto::kHistogram)
                                 .Add("", "", proto::kMetricHistogram, spans)
                                 .Page(),
                             {true, false})),
            "histogram spans for 2 buckets, but 3 buckets");
}

TEST(ProtoSource, ReadsWhatTheWriterWrites) {
  ProtoFamilies families;
  families.AddUntyped("a", {{"x", "1"}, {"instance", ""}}, 2.5, 1000);
  families.AddUntyped("a", {{"x", "2"}}, 3, 1001);
  model::FloatHistogram h;
  h.count = 3;
  h.sum = 2.5;
  h.schema = 1;
  h.zero_threshold = 0.001;
  h.positive = {{0, 1}, {3, 2}};
  families.AddHistogram("b", {}, h, 1002);
  EXPECT_EQ(Read(ProtoSource(families.Take(), {true, false})),
            "# TYPE a unknown\n"
            "{\"a\",\"x\"=\"1\",\"instance\"=\"\"} 2.5 @1000\n"
            "{\"a\",\"x\"=\"2\"} 3 @1001\n"
            "# TYPE b histogram\n"
            "{\"b\"} float " +
                h.ToString() + " @1002\n");
}

constexpr const char* kText =
    "# TYPE h histogram\n"
    "h_bucket{a=\"1\",le=\"1\"} 1\n"
    "h_bucket{a=\"1\",le=\"5\"} 4\n"
    "h_bucket{a=\"1\",le=\"+Inf\"} 5\n"
    "h_sum{a=\"1\"} 20\n"
    "h_count{a=\"1\"} 5\n"
    "h_bucket{a=\"2\",le=\"1\"} 0.5\n"
    "h_sum{a=\"2\"} 1\n"
    "h_count{a=\"2\"} 1\n"
    "# TYPE x gauge\n"
    "x_count 3\n";

TEST(NhcbSource, MakesHistogramsOfBuckets) {
  const std::string one =
      "{\"h\",\"a\"=\"1\"} {count:5, sum:20, [-Inf,1]:1, (1,5]:3, (5,+Inf]:1}\n";
  const std::string two =
      "{\"h\",\"a\"=\"2\"} float {count:1, sum:1, [-Inf,1]:0.5, (1,+Inf]:0.5}\n";
  EXPECT_EQ(Read(NhcbOfText(kText, false)),
            "# TYPE h histogram\n" + one + two + "# TYPE x gauge\nx_count 3\n");
  const std::string both = Read(NhcbOfText(kText, true));
  EXPECT_NE(both.find(one), std::string::npos) << both;
  EXPECT_NE(both.find("h_bucket{a=\"1\",le=\"5\"} 4\n"), std::string::npos) << both;
}

TEST(NhcbSource, LeavesOutWhatDoesNotFit) {
  EXPECT_EQ(
      Read(NhcbOfText("# TYPE h histogram\nh_bucket{le=\"1\"} 5\nh_bucket{le=\"2\"} 3\n", false)),
      "# TYPE h histogram\n");
  EXPECT_EQ(Read(NhcbOfText("# TYPE h histogram\nh_bucket{le=\"1\"} 5\nh_count 3\n", false)),
            "# TYPE h histogram\n");
  EXPECT_NE(Read(NhcbOfText("# TYPE h histogram\nh_bucket{le=\"1} 5\n", false)).find("line 2"),
            std::string::npos);
}

TEST(NhcbSource, OpenMetricsKeepsExemplarsWithATime) {
  EXPECT_EQ(Read(NhcbOfOpenMetrics("# TYPE h histogram\n"
                                   "h_bucket{le=\"1.0\"} 1 # {trace=\"a\"} 0.5 12\n"
                                   "h_bucket{le=\"+Inf\"} 2 # {trace=\"b\"} 3\n"
                                   "h_sum 9\nh_count 2\n# EOF\n",
                                   false)),
            "# TYPE h histogram\n"
            "{\"h\"} {count:2, sum:9, [-Inf,1]:1, (1,+Inf]:1} # {trace=\"a\"} 0.5 @12000\n");
}

TEST(NhcbSource, ANativeHistogramIsNotMadeAgain) {
  const std::string page =
      ProtoFamilyForTest("h", proto::kHistogram)
          .Add("", "", proto::kMetricHistogram, ProtoHistogramForTest(2, 1, true, true, 7))
          .Add("k", "v", proto::kMetricHistogram, ProtoHistogramForTest(2, 1, false, true))
          .Page();
  EXPECT_EQ(Read(NhcbOfItems(ProtoSource(page, {true, true}), false)),
            "# TYPE h histogram\n" + kNative + kClassic +
                "{\"h\",\"k\"=\"v\"} {count:3, sum:2.5, (0.5,1]:2, (1,+Inf]:1} # {trace=\"t\"} 0.7 "
                "@99000\n");
}

TEST(ItemReader, KnowsWhatItIsAskedFor) {
  const std::string page = ProtoFamilyForTest("a_total", proto::kCounter)
                               .Add("", "", proto::kMetricCounter, ProtoCounterForTest(7))
                               .Page();
  ItemReader reader(ProtoSource(page, {}));
  const std::string type = "# TYPE a_total counter";
  const std::string series = "{\"a_total\"}";
  KnownSample known;
  EXPECT_FALSE(reader.NextKnown(HashText(type), type.size(), &known)) << "it is no sample";
  EXPECT_FALSE(reader.SkipKnown(HashText(series), series.size()));
  EXPECT_TRUE(reader.SkipKnown(HashText(type), type.size()));
  EXPECT_FALSE(reader.NextKnown(HashText(series) + 1, series.size(), &known));
  EXPECT_TRUE(reader.NextKnown(HashText(series), series.size(), &known));
  EXPECT_EQ(known.value, 7);
  EXPECT_FALSE(reader.NextKnown(HashText(series), series.size(), &known));
  EXPECT_EQ(reader.Next()->kind, Entry::Kind::kEnd);
}

}  // namespace
}  // namespace slurmscope::exposition
