#include "exposition/text_reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/float_text.h"
#include "model/sample.h"

namespace slurmscope::exposition {
namespace {

using Kind = Entry::Kind;

std::string ErrorOf(std::string_view body) {
  TextReader reader(body);
  while (true) {
    Result<Entry> entry = reader.Next();
    if (!entry) return entry.error().message();
    if (entry->kind == Kind::kEnd) return "";
    if (entry->kind != Kind::kSample) continue;
    if (auto labels = ParseSeries(entry->series, entry->column); !labels)
      return labels.error().message();
  }
}

TEST(TextReader, ReadsAllKindsOfLines) {
  TextReader reader(
      "# HELP a_total What\\nis \\\\ counted \n# TYPE a_total counter\n\n \t\n# a comment\n#TYPE x "
      "y\n"
      "# UNIT a_total seconds\n  a_total{x=\"1\"}  2.5\t1700000000123 \nb -7");
  Entry help = *reader.Next();
  EXPECT_EQ(help.kind, Kind::kHelp);
  EXPECT_EQ(help.metric, "a_total");
  EXPECT_EQ(UnescapeHelp(help.text), "What\nis \\ counted ");
  Entry type = *reader.Next();
  EXPECT_EQ(type.kind, Kind::kType);
  EXPECT_EQ(type.type, model::MetricType::kCounter);
  EXPECT_EQ(reader.Next()->kind, Kind::kComment);
  EXPECT_EQ(reader.Next()->kind, Kind::kComment);
  Entry unit = *reader.Next();
  EXPECT_EQ(unit.kind, Kind::kUnit);
  EXPECT_EQ(unit.text, "seconds");
  Entry sample = *reader.Next();
  EXPECT_EQ(sample.kind, Kind::kSample);
  EXPECT_EQ(sample.line, 8u);
  EXPECT_EQ(sample.column, 3u);
  EXPECT_EQ(sample.series, "a_total{x=\"1\"}");
  EXPECT_EQ(sample.value, 2.5);
  EXPECT_EQ(sample.timestamp, 1700000000123);
  Entry last = *reader.Next();
  EXPECT_EQ(last.series, "b");
  EXPECT_EQ(last.value, -7);
  EXPECT_FALSE(last.timestamp);
  EXPECT_EQ(reader.Next()->kind, Kind::kEnd);
  EXPECT_EQ(reader.Next()->kind, Kind::kEnd);
}

TEST(TextReader, ReadsValuesExactly) {
  for (const char* text : {"0",
                           "-0",
                           "1",
                           "953880",
                           "0.1",
                           "1e+06",
                           "1.055154e+06",
                           "+Inf",
                           "-Inf",
                           "Inf",
                           "0x1p-2",
                           "123456789012345",
                           "1234567890123456789",
                           "0.000001305",
                           "9007199254740993",
                           ".5",
                           "5.",
                           "3.141592653589793",
                           "99999999.9999999",
                           "1.7976931348623157e308",
                           "5e-324"}) {
    std::string body = std::string("m ") + text + "\n";
    TextReader reader(body);
    Result<Entry> entry = reader.Next();
    ASSERT_TRUE(entry) << text;
    double expected = *base::ParseFloat(text);
    EXPECT_EQ(std::bit_cast<uint64_t>(entry->value), std::bit_cast<uint64_t>(expected)) << text;
  }
}

TEST(TextReader, NanIsTheNormalOne) {
  EXPECT_EQ(std::bit_cast<uint64_t>(TextReader("m NaN").Next()->value), model::kNormalNanBits);
}

TEST(TextReader, FindsTheEndOfTheSeries) {
  for (std::string series : {R"(m{a="}"})", R"(m{a="\"}\\"})", R"({"my.name","l.x"="v w"})",
                             R"(m {a="b"})", R"(m{ a = "b" , })", "m{}", "a:b"}) {
    std::string body = series + " 1\n";
    TextReader reader(body);
    Result<Entry> entry = reader.Next();
    ASSERT_TRUE(entry) << series << entry.error().message();
    EXPECT_EQ(entry->series, series);
    EXPECT_TRUE(ParseSeries(entry->series)) << series << ParseSeries(series).error().message();
  }
  EXPECT_EQ(TextReader("m{a=\"b\"}1").Next()->value, 1);
}

TEST(TextReader, NamesThePlaceOfAnError) {
  EXPECT_EQ(ErrorOf("a 1\nb 2\nc{x=\"yyyyyyyyy\"}\n"),
            "line 3, column 17: expected a value after the labels");
  EXPECT_EQ(ErrorOf("a\n"), "line 1, column 2: expected a value after the name");
  EXPECT_EQ(ErrorOf("a x\n"), "line 1, column 3: \"x\" is not a number");
  EXPECT_EQ(ErrorOf("a 1_0\n"), "line 1, column 3: \"1_0\" is not a number");
  EXPECT_EQ(ErrorOf("a 1 1.5\n"), "line 1, column 5: \"1.5\" is not a timestamp in milliseconds");
  EXPECT_EQ(ErrorOf("a 1 1 2\n"), "line 1, column 7: \"2\" follows the timestamp");
  EXPECT_EQ(ErrorOf("a 1\r\n"), "line 1, column 3: \"1\\r\" is not a number");
  EXPECT_EQ(ErrorOf("a{b=\"c\n"), "line 1, column 5: a quote that is not closed");
  EXPECT_EQ(ErrorOf("a{b=\"c\" 1\n"), "line 1, column 9: expected ',' or '}' after the label");
  EXPECT_EQ(ErrorOf("# TYPE a\n"), "line 1, column 9: expected a type");
  EXPECT_EQ(ErrorOf("# TYPE a metre\n"), "line 1, column 10: invalid metric type \"metre\"");
  EXPECT_EQ(ErrorOf("# HELP a \xff\n"), "line 1, column 10: the text of HELP is not UTF-8");
}

TEST(ParseSeries, UnescapesAndSorts) {
  Result<model::Labels> labels = ParseSeries(R"(m{z="a\\b\"c\nd",a="ü",empty=""})");
  ASSERT_TRUE(labels) << labels.error().message();
  EXPECT_EQ(*labels, (model::Labels{{"__name__", "m"}, {"z", "a\\b\"c\nd"}, {"a", "ü"}}));
  labels = ParseSeries(R"({"my.metric","l.x"="v",plain="w"})");
  ASSERT_TRUE(labels) << labels.error().message();
  EXPECT_EQ(*labels, (model::Labels{{"__name__", "my.metric"}, {"l.x", "v"}, {"plain", "w"}}));
}

TEST(ParseSeries, IsStrict) {
  auto error = [](std::string_view text) {
    auto labels = ParseSeries(text);
    return labels ? "" : labels.error().message();
  };
  EXPECT_EQ(error(R"(m{a="1",a="2"})"), "column 9: label name \"a\" is there twice");
  EXPECT_EQ(error(R"(m{a="\q"})"), "column 6: invalid escape \"\\\\q\"");
  EXPECT_EQ(error("m{a=\"\xc3\x28\"}"), "column 6: text that is not UTF-8");
  EXPECT_EQ(error(std::string_view("m{a=\"\0\"}", 8)), "column 6: a NUL byte");
  EXPECT_EQ(error("m{a=1}"), "column 5: expected a label value in quotes");
  EXPECT_EQ(error("m{a}"), "column 4: expected '=' after the label name");
  EXPECT_EQ(error("m{,}"), "column 3: expected a label name");
  EXPECT_EQ(error("m{a=\"1\",,}"), "column 9: expected a label name");
  EXPECT_EQ(error("m{1a=\"1\"}"), "column 3: invalid label name \"1a\"");
  EXPECT_EQ(error("1m"), "column 1: invalid metric name \"1m\"");
  EXPECT_EQ(error("m-x"), "column 2: unexpected character in the metric name");
  EXPECT_EQ(error("{a=\"b\"}"), "column 8: expected a metric name");
  EXPECT_EQ(error(R"(m{"n"})"), "column 3: a second metric name");
  EXPECT_EQ(error("m{a=\"b\\"), "column 5: a quote that is not closed");
  EXPECT_EQ(error(""), "column 1: expected a metric name");
}

TEST(TextReader, KnownLinesAreReadWithoutTheirLabels) {
  std::string_view series = "m{a=\"b\"}";
  std::string_view comment = "# TYPE m gauge";
  std::string body = "# TYPE m gauge\nm{a=\"b\"} 12.5\nm{a=\"b\"} 1e3 77 \nm{a=\"b\"} NaN";
  TextReader reader(body);
  KnownSample known;
  EXPECT_FALSE(reader.NextKnown(HashText(series), series.size(), &known));
  EXPECT_FALSE(reader.SkipKnown(HashText(comment) + 1, comment.size()));
  EXPECT_TRUE(reader.SkipKnown(HashText(comment), comment.size()));
  ASSERT_TRUE(reader.NextKnown(HashText(series), series.size(), &known));
  EXPECT_EQ(known.value, 12.5);
  EXPECT_EQ(known.series, series);
  EXPECT_FALSE(known.timestamp);
  ASSERT_TRUE(reader.NextKnown(HashText(series), series.size(), &known));
  EXPECT_EQ(known.value, 1000);
  EXPECT_EQ(known.timestamp, 77);
  ASSERT_TRUE(reader.NextKnown(HashText(series), series.size(), &known));
  EXPECT_EQ(std::bit_cast<uint64_t>(known.value), model::kNormalNanBits);
  EXPECT_FALSE(reader.NextKnown(HashText(series), series.size(), &known));
  Entry end = *reader.Next();
  EXPECT_EQ(end.kind, Kind::kEnd);
  EXPECT_EQ(end.line, 4u);
}

TEST(TextReader, KnownLineWithOtherTextIsLeftForNext) {
  std::string_view name = "m";
  KnownSample known;
  TextReader labels("m {a=\"b\"} 1\n");
  EXPECT_FALSE(labels.NextKnown(HashText(name), name.size(), &known));
  EXPECT_EQ(labels.Next()->series, "m {a=\"b\"}");
  TextReader bad("m 1x\n");
  EXPECT_FALSE(bad.NextKnown(HashText(name), name.size(), &known));
  EXPECT_FALSE(bad.Next());
}

TEST(HashText, DependsOnEveryByteAndTheLength) {
  std::string text(120, 'a');
  for (size_t length = 0; length < text.size(); ++length) {
    std::string_view part(text.data(), length);
    uint64_t hash = HashText(part);
    EXPECT_NE(hash, HashText(std::string_view(text.data(), length + 1)));
    for (size_t i = 0; i < length; ++i) {
      std::string changed(part);
      changed[i] = 'b';
      EXPECT_NE(hash, HashText(changed)) << length << " " << i;
    }
  }
}

}  // namespace
}  // namespace slurmscope::exposition
