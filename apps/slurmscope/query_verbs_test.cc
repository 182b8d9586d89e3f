#include "query_verbs.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "query_analyze.h"
#include "query_flags.h"
#include "query_print.h"

namespace slurmscope::app {
namespace {

std::string Answered(std::string_view data) {
  return base::StrCat(R"({"status":"success","data":)", data, "}");
}

std::string Printed(std::string_view data, QueryFormat format) {
  auto answer = ParseQueryAnswer(Answered(data));
  return answer ? PrintAnswer(*answer, format) : answer.error().message();
}

constexpr std::string_view kVector =
    R"({"resultType":"vector","result":[)"
    R"({"metric":{"job":"a,\"b\"","__name__":"up"},"value":[1435781430.781,"1e+21"]},)"
    R"({"metric":{"x":"<&>"},"value":[2,"NaN"]},{"metric":{},"histogram":[2,{"count":"3","sum":"4.5",)"
    R"("buckets":[[3,"-0.001","0.001","1"],[0,"1","2","2"]]}]}]})";

constexpr std::string_view kMatrix =
    R"({"resultType":"matrix","result":[{"metric":{"a":"1","b":"2"},"values":[[0,"1"],[30,"4"],[60,"8"]]},)"
    R"({"metric":{"z":"1"},"values":[[60,"-0.5"]]}]})";

TEST(QueryPrint, PromqlIsPromtools) {
  EXPECT_EQ(Printed(kVector, QueryFormat::kPromql),
            "up{job=\"a,\\\"b\\\"\"} => 1000000000000000000000 @[1435781430.781]\n"
            "{x=\"<&>\"} => NaN @[2]\n"
            "{} => Count: 3.000000, Sum: 4.500000, Buckets: [[-0.001,0.001]:1 (1,2]:2] @[2]\n");
  EXPECT_EQ(Printed(kMatrix, QueryFormat::kPromql),
            "{z=\"1\"} =>\n-0.5 @[60]\n{a=\"1\", b=\"2\"} =>\n1 @[0]\n4 @[30]\n8 @[60]\n");
  EXPECT_EQ(Printed(R"({"resultType":"scalar","result":[1.5,"2"]})", QueryFormat::kPromql),
            "scalar: 2 @[1.5]\n");
  EXPECT_EQ(Printed(R"({"resultType":"string","result":[1,"a\nb"]})", QueryFormat::kPromql),
            "a\nb\n");
  EXPECT_EQ(Printed(R"({"resultType":"vector","result":[]})", QueryFormat::kPromql), "\n");
}

TEST(QueryPrint, JsonIsPromtools) {
  EXPECT_EQ(
      Printed(kVector, QueryFormat::kJson),
      R"([{"metric":{"__name__":"up","job":"a,\"b\""},"value":[1435781430.781,"1000000000000000000000"]},)"
      R"({"metric":{"x":"\u003c\u0026\u003e"},"value":[2,"NaN"]},)"
      R"({"metric":{},"histogram":[2,{"count":"3","sum":"4.5","buckets":[[3,"-0.001","0.001","1"],[0,"1","2","2"]]}]}])"
      "\n");
  EXPECT_EQ(Printed(R"({"resultType":"vector","result":[]})", QueryFormat::kJson), "[]\n");
}

TEST(QueryPrint, CsvQuotesWhatItMust) {
  EXPECT_EQ(Printed(kVector, QueryFormat::kCsv),
            "__name__,job,x,time,value\n"
            "up,\"a,\"\"b\"\"\",,1435781430.781,1000000000000000000000\n"
            ",,<&>,2,NaN\n"
            ",,,2,\"Count: 3.000000, Sum: 4.500000, Buckets: [[-0.001,0.001]:1 (1,2]:2]\"\n");
  EXPECT_EQ(Printed(kMatrix, QueryFormat::kCsv),
            "a,b,z,time,value\n1,2,,0,1\n1,2,,30,4\n1,2,,60,8\n,,1,60,-0.5\n");
}

TEST(QueryPrint, TableAlignsItsColumns) {
  EXPECT_EQ(Printed(kMatrix, QueryFormat::kTable),
            "a  b  z  points   min   max  last\n"
            "1  2          3     1     8     8\n"
            "      1       1  -0.5  -0.5  -0.5\n");
  EXPECT_EQ(Printed(R"({"resultType":"vector","result":[]})", QueryFormat::kTable), "no series\n");
}

TEST(QueryPrint, GraphDrawsValuesAndGaps) {
  const std::string graph = PrintGraph(*ParseQueryAnswer(Answered(kMatrix)), false);
  EXPECT_TRUE(graph.starts_with("1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z, from -0.5 to 8\n"))
      << graph;
  const std::string gap(35, ' ');
  EXPECT_NE(graph.find(base::StrCat("{a=\"1\", b=\"2\"}\n|.", gap, "=", gap.substr(1), "#| 8\n")),
            std::string::npos)
      << graph;
  EXPECT_NE(PrintGraph(*ParseQueryAnswer(Answered(kMatrix)), true).find("█| 8"), std::string::npos);
}

std::string Analyzed(std::string_view series) {
  HistogramUse use;
  use.Add(*ParseQueryAnswer(
      Answered(base::StrCat(R"({"resultType":"matrix","result":[)", series, "]}"))));
  return use.Report();
}

// In any order, as servers may answer.
TEST(QueryAnalyze, CountsBucketsInUse) {
  const std::string report = Analyzed(
      R"({"metric":{"__name__":"a_bucket","le":"+Inf","j":"x"},"values":[[1,"5"],[2,"9"],[3,"9"]]},)"
      R"({"metric":{"__name__":"a_bucket","le":"10","j":"x"},"values":[[1,"5"],[2,"6"]]},)"
      R"({"metric":{"__name__":"a_bucket","le":"2","j":"x"},"values":[[1,"0"],[2,"3"],[3,"3"]]},)"
      R"({"metric":{"__name__":"b_bucket","le":"1"},"values":[[1,"1"],[2,"1"]]},)"
      R"({"metric":{"__name__":"once_bucket","le":"1"},"values":[[1,"1"]]},)"
      R"({"metric":{"__name__":"gauge"},"values":[[1,"1"],[2,"1"]]},)"
      R"({"metric":{"__name__":"n","j":"y"},"histograms":[)"
      R"([1,{"count":"3","sum":"4","buckets":[[0,"1","2","1"],[0,"2","4","2"]]}],)"
      R"([2,{"count":"3","sum":"4","buckets":[[0,"2","4","2"],[0,"8","16","1"],[3,"0","0","1"]]}]]})");
  EXPECT_NE(report.find("- n{j=\"y\"} (native): 2/2.500/3/4\n"
                        "- a_bucket{j=\"x\"} (classic): 1/2.000/3\n"
                        "- b_bucket{} (classic): 1/1.000/1\n"),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("Native histogram series (1 in total):\n- min populated: 2/2.000/2\n"
                        "- avg populated: 2/2.000/2\n- max populated: 3/3.000/3\n"
                        "- total: 4/4.000/4\n"),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("Classic histogram series (2 in total):\n- min populated: 1/1.000/1\n"
                        "- avg populated: 1/1.500/2\n- max populated: 1/2.000/3\n"),
            std::string::npos)
      << report;
  EXPECT_EQ(report.find("once"), std::string::npos);
  EXPECT_EQ(Analyzed(""), "no histograms with two samples or more\n");
}

TEST(QueryAnswer, TellsOfErrorsAndOddAnswers) {
  auto failed = ParseQueryAnswer(R"({"status":"error","errorType":"bad_data","error":"no"})");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "bad_data: no");
  for (std::string_view odd : {"", "[]", "{}", "{\"status\":1", R"({"status":"success"})"}) {
    EXPECT_FALSE(ParseQueryAnswer(std::string(odd))) << odd;
  }
  for (std::string_view odd :
       {"[]", R"({"resultType":"vector"})", R"({"resultType":"x","result":[]})",
        R"({"resultType":"vector","result":[1]})",
        R"({"resultType":"vector","result":[{"metric":{},"value":[1]}]})",
        R"({"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]})",
        R"({"resultType":"vector","result":[{"metric":{},"value":["NaN","1"]}]})",
        R"({"resultType":"scalar","result":[]})", R"({"resultType":"string","result":[1]})",
        R"({"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"1"}]}]})"}) {
    EXPECT_FALSE(ParseQueryAnswer(Answered(odd))) << odd;
  }
}

std::string Problem(const std::vector<std::string>& args) {
  auto parsed = ParseQueryArgs(args);
  return parsed ? "" : parsed.error().message();
}

TEST(QueryFlags, AreTakenAnywhere) {
  auto args = ParseQueryArgs({"-o", "csv", "range", "--start=5", "localhost:9090/", "up",
                              "--end=2026-11-29T10:00:00Z", "--step=1m", "--header", "X-A=b=c"});
  ASSERT_TRUE(args) << args.error().message();
  EXPECT_EQ(args->verb, QueryArgs::Verb::kRange);
  EXPECT_EQ(args->server, "http://localhost:9090");
  EXPECT_EQ(args->expr, "up");
  EXPECT_EQ(args->start_ms, 5000);
  EXPECT_EQ(args->end_ms, 1795946400000);
  EXPECT_EQ(args->step_ms, 60'000);
  EXPECT_EQ(args->format, QueryFormat::kCsv);
  EXPECT_EQ(args->headers[0], std::pair(std::string("X-A"), std::string("b=c")));
}

TEST(QueryFlags, OfAnalyzeAsPromtool) {
  auto args = ParseQueryArgs({"analyze", "--server=http://a:9090", "--type=histogram", "--match=x",
                              "--match={a=\"b\"}", "--duration=1h0m0s", "--time=7"});
  ASSERT_TRUE(args) << args.error().message();
  EXPECT_EQ(args->server, "http://a:9090");
  EXPECT_EQ(args->match.size(), 2u);
  EXPECT_EQ(args->duration_ms, 3'600'000);
  EXPECT_EQ(args->time_ms, 7000);
  EXPECT_EQ(ParseQueryArgs({"analyze", "a:1", "--match=x", "--duration=5m"})->duration_ms, 300'000);
  EXPECT_NE(Problem({"analyze", "a:1"}).find("--match"), std::string::npos);
  EXPECT_NE(Problem({"analyze", "a:1", "--match=x", "--type=gauge"}).find("histogram"),
            std::string::npos);
  EXPECT_NE(Problem({"analyze", "a:1", "--match=x", "--duration=0s"}).find("--duration"),
            std::string::npos);
}

TEST(QueryFlags, SayWhatIsWrong) {
  EXPECT_EQ(Problem({"instnt"}), "unknown verb \"instnt\", did you mean \"instant\"?");
  EXPECT_EQ(Problem({"instant", "--time=x", "http://a", "up"}),
            "error parsing evaluation time: cannot parse \"x\" to a valid timestamp");
  EXPECT_NE(Problem({"instant", "ftp://a", "up"}).find("http://localhost:9090"), std::string::npos);
  EXPECT_NE(Problem({"series", "http://a"}).find("--match"), std::string::npos);
  EXPECT_NE(Problem({"instant", "http://a"}).find("expr"), std::string::npos);
  EXPECT_NE(Problem({"range", "--step=0s", "http://a", "up"}).find("--step"), std::string::npos);
}

}  // namespace
}  // namespace slurmscope::app
