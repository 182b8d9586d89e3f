#include "exposition/openmetrics_reader.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/strings.h"
#include "model/sample.h"

namespace slurmscope::exposition {
namespace {

using Kind = Entry::Kind;

// The first error of a body, labels included; "" when all is well.
std::string ErrorOf(std::string_view body) {
  OpenMetricsReader reader(body);
  while (true) {
    Result<Entry> entry = reader.Next();
    if (!entry) return entry.error().message();
    if (entry->kind == Kind::kEnd) return "";
    if (entry->kind != Kind::kSample) continue;
    if (auto labels = ParseSeries(entry->series, entry->column); !labels) {
      return labels.error().message();
    }
    if (const ExemplarEntry* exemplar = reader.exemplar()) {
      auto labels = ParseExemplarLabels(exemplar->labels, exemplar->column);
      if (!labels) return labels.error().message();
    }
  }
}

TEST(OpenMetricsReader, ReadsAllKindsOfLines) {
  OpenMetricsReader reader(
      "# HELP req_seconds What\\nis \\\\ taken \n# TYPE req_seconds histogram\n"
      "# UNIT req_seconds seconds\n"
      "req_seconds_bucket{le=\"1\",x=\"a } \\\"b\"} 7 1700000000.123 # {trace=\"k\"} 0.5 "
      "1700000000\nreq_seconds_created 1.7e9\n{\"my.metric\",a=\"b\"} NaN 5\n# EOF\n");
  Entry help = *reader.Next();
  EXPECT_EQ(help.kind, Kind::kHelp);
  EXPECT_EQ(help.metric, "req_seconds");
  EXPECT_EQ(UnescapeHelp(help.text), "What\nis \\ taken ");
  Entry type = *reader.Next();
  EXPECT_EQ(type.kind, Kind::kType);
  EXPECT_EQ(type.type, model::MetricType::kHistogram);
  Entry unit = *reader.Next();
  EXPECT_EQ(unit.kind, Kind::kUnit);
  EXPECT_EQ(unit.text, "seconds");
  EXPECT_EQ(reader.exemplar(), nullptr);

  Entry bucket = *reader.Next();
  EXPECT_EQ(bucket.kind, Kind::kSample);
  EXPECT_EQ(bucket.series, "req_seconds_bucket{le=\"1\",x=\"a } \\\"b\"}");
  EXPECT_EQ(bucket.value, 7);
  EXPECT_EQ(bucket.timestamp, 1'700'000'000'123);
  ASSERT_NE(reader.exemplar(), nullptr);
  EXPECT_EQ(*ParseExemplarLabels(reader.exemplar()->labels), (model::Labels{{"trace", "k"}}));
  EXPECT_EQ(reader.exemplar()->value, 0.5);
  EXPECT_EQ(reader.exemplar()->timestamp, 1'700'000'000'000);

  Entry created = *reader.Next();
  EXPECT_EQ(created.series, "req_seconds_created");
  EXPECT_EQ(created.value, 1.7e9);
  EXPECT_FALSE(created.timestamp);
  EXPECT_EQ(reader.exemplar(), nullptr);
  Entry quoted = *reader.Next();
  EXPECT_EQ(*ParseSeries(quoted.series), (model::Labels{{"__name__", "my.metric"}, {"a", "b"}}));
  EXPECT_EQ(std::bit_cast<uint64_t>(quoted.value), model::kNormalNanBits);
  EXPECT_EQ(reader.Next()->kind, Kind::kEnd);
  EXPECT_EQ(reader.Next()->kind, Kind::kEnd);
  EXPECT_EQ(reader.line(), 7u);
}

// Each was given to promtool 2.42's create-blocks-from, which took it.
TEST(OpenMetricsReader, TakesWhatPrometheusTakes) {
  for (std::string_view body : {"a 1 1\n# EOF\n",
                                "a 1 1\n# EOF",
                                "# EOF\n",
                                "a_total 1 1 # {x=\"1\"} 2 3\n# EOF\n",
                                "a_total 1 1 # {x=\"1\"} 2\n# EOF\n",
                                "a_total 1 1 # {} 2 3\n# EOF\n",
                                "a_total 1 # {x=\"1\"} 1\n# EOF\n",
                                "a_total 1 1 # {x=\"1\"} NaN 3\n# EOF\n",
                                "# UNIT a_s s\na 1 1\n# EOF\n",
                                "# UNIT a_s \n# EOF\n",
                                "# HELP a \n# EOF\n",
                                "# HELP a x\\q\n# EOF\n",
                                "a{x=\"\\z\\n\\\\\\\"\"} 1 1\n# EOF\n",
                                "a 1 -5\n# EOF\n",
                                "a 1 1e3\n# EOF\n",
                                "a{} 1 1\n# EOF\n",
                                "a +1 1\n# EOF\n",
                                "a Infinity 1\n# EOF\n",
                                "a nan 1\n# EOF\n",
                                "# TYPE a counter\n# TYPE a gauge\n# EOF\n",
                                "a:b 1 1\n# EOF\n",
                                "a{x=\"\"} 1 1\n# EOF\n",
                                "a 1 2\na 1 1\n# EOF\n"}) {
    EXPECT_EQ(ErrorOf(body), "") << body;
  }
}

TEST(OpenMetricsReader, RefusesWhatPrometheusRefuses) {
  struct Case {
    std::string_view body;
    std::string_view error;
  };
  for (Case c : {
           Case{"a 1 1\n", "line 2, column 1: the text does not end with # EOF"},
           Case{"", "line 1, column 1: the text does not end"},
           Case{"a 1 1", "line 1, column 1: the last line has no end"},
           Case{"a 1 1\n# EOF\n\n", "line 3, column 1: text after # EOF"},
           Case{"# EOF\na 1 1\n# EOF\n", "line 2, column 1: text after # EOF"},
           Case{"a 1 1\n\n# EOF\n", "line 2, column 1: an empty line"},
           Case{"# foo\n# EOF\n", "line 1, column 1: expected # HELP"},
           Case{"#  HELP a x\n# EOF\n", "line 1, column 1: expected # HELP"},
           Case{"# EOF x\n", "line 1, column 1: expected # HELP"},
           Case{"a  1 1\n# EOF\n", "line 1, column 3: \"\" is not a number"},
           Case{"a 1  1\n# EOF\n", "line 1, column 5: \"\" is not a timestamp"},
           Case{"a 1\t1\n# EOF\n", "line 1, column 4: expected the end of the line"},
           Case{"a 1 1 \n# EOF\n", "line 1, column 6: expected the end of the line"},
           Case{" a 1 1\n# EOF\n", "line 1, column 1: blanks before"},
           Case{"a 0x1p3 1\n# EOF\n", "is not a number"},
           Case{"a 0x10 1\n# EOF\n", "is not a number"},
           Case{"a 1_0 1\n# EOF\n", "is not a number"},
           Case{"a 1e999 1\n# EOF\n", "is not a number"},
           Case{"a 1 NaN\n# EOF\n", "line 1, column 5: \"NaN\" is not a timestamp"},
           Case{"a 1 0x1p3\n# EOF\n", "is not a timestamp"},
           Case{"a 1 1e300\n# EOF\n", "is not a timestamp"},  // promtool does not end
           Case{"a 1 1\r\n# EOF\n", "is not a timestamp"},
           Case{"a\n# EOF\n", "line 1, column 2: expected a space and a value"},
           Case{"a{x=\"1\"}1 1\n# EOF\n", "line 1, column 9: expected a space and a value"},
           Case{"a 1 1 # {x=\"1\"} 2\n# EOF\n", "only samples whose name ends with _total"},
           Case{"a_total 1 1 # {x=\"1\"} 2 NaN\n# EOF\n", "\"NaN\" is not a timestamp"},
           Case{"a_total 1 1 # {x=\"1\"}\n# EOF\n", "expected a space and a value after the ex"},
           Case{"a_bucket 1 1 # {x=\"1\"} 2 3 \n# EOF\n", "expected the end of the line"},
           Case{"a_total 1 1 #{x=\"1\"} 2 3\n# EOF\n", "expected the end of the line or"},
           Case{"a_total 1 1 # 2 3\n# EOF\n", "expected the end of the line or"},
           Case{"a_total 1 1 # {x=\"1\" 2 3\n# EOF\n", "line 1, column 22: expected ',' or '}'"},
           Case{"# TYPE a foo\n# EOF\n", "line 1, column 10: invalid metric type \"foo\""},
           Case{"# TYPE a untyped\n# EOF\n", "invalid metric type \"untyped\""},
           Case{"# TYPE a \n# EOF\n", "invalid metric type \"\""},
           Case{"# UNIT a s\n# EOF\n", "the name \"a\" does not end with its unit"},
           Case{"# UNIT as s\n# EOF\n", "the name \"as\" does not end with its unit"},
           Case{"# HELP a\n# EOF\n", "line 1, column 9: expected a space and text"},
           Case{"# HELP a \xff\n# EOF\n", "the text is not UTF-8"},
           Case{"a{x=\"\xff\"} 1 1\n# EOF\n", "text that is not UTF-8"},
           Case{"a{x=\"1\n\"} 1 1\n# EOF\n", "line 1, column 5: a quote that is not closed"},
           Case{"{a=\"1\"} 1 1\n# EOF\n", "expected a metric name"},
           Case{"a{b:c=\"1\"} 1 1\n# EOF\n", "invalid label name"},
           Case{"a{x=\"1\",x=\"2\"} 1 1\n# EOF\n", "is there twice"},
       }) {
    std::string error = ErrorOf(c.body);
    EXPECT_NE(error.find(c.error), std::string::npos) << c.body << "\n  gave: " << error;
  }
}

// Milliseconds are cut off, not rounded: 0.29 s times 1000 is a bit less than 290.
TEST(OpenMetricsReader, TimesAreCutOffAsInPrometheus) {
  OpenMetricsReader reader("a 1 1700000000.2899\na 1 -0.0019\na 1 1.7e9\n# EOF\n");
  EXPECT_EQ(reader.Next()->timestamp, 1'700'000'000'289);
  EXPECT_EQ(reader.Next()->timestamp, -1);
  EXPECT_EQ(reader.Next()->timestamp, 1'700'000'000'000);
}

TEST(OpenMetricsReader, KnownSeriesReadTheSame) {
  std::string series = "a_total{x=\"1\"}";
  for (std::string rest : {"1 2.5", "1", "1e3 1e3", "NaN 7", "-0.25 1700000000.123", "1 2 # {} 1",
                           "7 # {x=\"y\"} 1e3 4"}) {
    std::string body = base::StrCat(series, " ", rest, "\n# EOF\n");
    OpenMetricsReader slow(body);
    Entry entry = *slow.Next();
    OpenMetricsReader fast(body);
    KnownSample known;
    ASSERT_TRUE(fast.NextKnown(HashText(series), series.size(), &known)) << rest;
    EXPECT_EQ(known.series, series);
    EXPECT_EQ(std::bit_cast<uint64_t>(known.value), std::bit_cast<uint64_t>(entry.value));
    EXPECT_EQ(known.timestamp, entry.timestamp);
    ASSERT_EQ(fast.exemplar() != nullptr, slow.exemplar() != nullptr);
    if (slow.exemplar() != nullptr) {
      EXPECT_EQ(fast.exemplar()->labels, slow.exemplar()->labels);
      EXPECT_EQ(fast.exemplar()->value, slow.exemplar()->value);
      EXPECT_EQ(fast.exemplar()->timestamp, slow.exemplar()->timestamp);
    }
    EXPECT_EQ(fast.bytes_read(), slow.bytes_read());
    EXPECT_EQ(fast.Next()->kind, Kind::kEnd);
  }
  for (std::string rest : {"1 2 # {}", "x 1", "1 x", "1 2 ", "1  2", ""}) {
    std::string body = base::StrCat(series, " ", rest, "\n# EOF\n");
    OpenMetricsReader reader(body);
    KnownSample known;
    EXPECT_FALSE(reader.NextKnown(HashText(series), series.size(), &known)) << rest;
    EXPECT_EQ(reader.bytes_read(), 0u);
  }
  OpenMetricsReader reader("# TYPE a gauge\n# EOF\n");
  EXPECT_FALSE(reader.SkipKnown(HashText("# TYPE a"), 8));
  EXPECT_TRUE(reader.SkipKnown(HashText("# TYPE a gauge"), 14));
  EXPECT_EQ(reader.Next()->kind, Kind::kEnd);
}

}  // namespace
}  // namespace slurmscope::exposition
