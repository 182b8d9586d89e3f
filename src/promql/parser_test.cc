#include "promql/parser.h"

#include <gtest/gtest.h>

#include "promql/functions.h"

namespace slurmscope::promql {
namespace {

ParserOptions AllOn() {
  ParserOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.fill_modifiers = true;
  return options;
}

struct Case {
  std::string_view text;
  std::string_view want;  // empty: the text itself
};

// Parses, prints, and parses the print again: the second print must be the same.
void ExpectPrints(const Case& c) {
  SCOPED_TRACE(c.text);
  Result<ExprPtr> expr = ParseExpr(c.text, AllOn());
  ASSERT_TRUE(expr) << expr.error().message();
  std::string printed = ToString(**expr);
  EXPECT_EQ(printed, c.want.empty() ? c.text : c.want);
  Result<ExprPtr> again = ParseExpr(printed, AllOn());
  ASSERT_TRUE(again) << printed << ": " << again.error().message();
  EXPECT_EQ(ToString(**again), printed);
  EXPECT_EQ((*again)->type(), (*expr)->type());
}

TEST(ParserTest, Numbers) {
  for (const Case& c : std::vector<Case>{
           {"1", ""},
           {"  7.25\n", "7.25"},
           {".5", "0.5"},
           {"5.", "5"},
           {"0x1F", "31"},
           {"0777", "511"},
           {"089", "89"},
           {"1_000_000", "1000000"},
           {"2e3", "2000"},
           {"2E-3", "0.002"},
           {"inF", "+Inf"},
           {"-Inf", ""},
           {"Inf ^ 2 + Inf", "Inf ^ 2 + +Inf"},
           {"nan", "NaN"},
           {"5m", ""},
           {"90m", "1h30m"},
           {"-1d", ""},
           {"--3", "3"},
           {"-+3", "-3"},
           {"\"a\\tb\"", ""},
           {"'it\\'s'", "\"it's\""},
           {"`raw\\n`", "\"raw\\\\n\""},
           {"\"\\x41\\101\\u00e9\\U0001F600\"", "\"AA\xC3\xA9\xF0\x9F\x98\x80\""},
       }) {
    ExpectPrints(c);
  }
}

TEST(ParserTest, BindsAsPrometheus) {
  auto shape = [](std::string_view text) -> std::string {
    Result<ExprPtr> expr = ParseExpr(text);
    if (!expr) return expr.error().message();
    if ((*expr)->kind() == NodeKind::kUnary) {
      return "-[" + ToString(*static_cast<UnaryExpr&>(**expr).expr) + "]";
    }
    const auto& binary = static_cast<const BinaryExpr&>(**expr);
    return "[" + ToString(*binary.lhs) + "] " + std::string(ToString(binary.op)) + " [" +
           ToString(*binary.rhs) + "]";
  };
  EXPECT_EQ(shape("1 + 2 * 3"), "[1] + [2 * 3]");
  EXPECT_EQ(shape("1 * 2 + 3"), "[1 * 2] + [3]");
  EXPECT_EQ(shape("1 - 2 - 3"), "[1 - 2] - [3]");
  EXPECT_EQ(shape("2 ^ 3 ^ 2"), "[2] ^ [3 ^ 2]");
  EXPECT_EQ(shape("-1 ^ 2"), "-[1 ^ 2]");
  EXPECT_EQ(shape("-a * b"), "[-a] * [b]");
  EXPECT_EQ(shape("2 ^ -1 * 3"), "[2 ^ -1] * [3]");
  EXPECT_EQ(shape("a atan2 b ^ c"), "[a] atan2 [b ^ c]");
  EXPECT_EQ(shape("a == b + c"), "[a] == [b + c]");
  EXPECT_EQ(shape("a and b == c"), "[a] and [b == c]");
  EXPECT_EQ(shape("a or b and c unless d"), "[a] or [b and c unless d]");
  EXPECT_EQ(shape("a or b or c"), "[a or b] or [c]");
  EXPECT_EQ(shape("x offset 100 + 2"), "[x offset 1m40s] + [2]");
  EXPECT_EQ(shape("x offset -2 ^ 2"), "[x offset -2s] ^ [2]");
  EXPECT_EQ(shape("x offset step() * 2"), "[x offset step()] * [2]");
}

TEST(ParserTest, Selectors) {
  for (const Case& c : std::vector<Case>{
           {"up", ""},
           {"node:cpu:rate5m", ""},
           {":lead", ""},
           {"up{}", "up"},
           {"up{job='x', instance!~\"a.*\",}", "up{instance!~\"a.*\",job=\"x\"}"},
           {"{__name__=~\"node_.+\"}", ""},
           {"{\"my.metric\"}", "{__name__=\"my.metric\"}"},
           {"{\"my.metric\", \"l.x\"=\"v\"}", "{\"l.x\"=\"v\",__name__=\"my.metric\"}"},
           {"{on=\"1\", offset=\"2\", NaN=\"3\"}", "{NaN=\"3\",offset=\"2\",on=\"1\"}"},
           {"sum", ""},
           {"offset offset 5m", ""},
           {"start{end=\"x\"}", ""},
           {"fill + min_of", ""},
           {"a # comment\n + b", "a + b"},
           {"x OFFSET 5m", "x offset 5m"},
           {"x offset -1h30m", ""},
           {"x @ 10", "x @ 10.000"},
           {"x @ -1.5 offset 1m", "x @ -1.500 offset 1m"},
           {"x offset 1m @ start()", "x @ start() offset 1m"},
           {"x[5m] @ end()", ""},
           {"x[90s] offset 1w", "x[1m30s] offset 1w"},
           {"x[50]", "x[50s]"},
           {"x[1.5]", "x[1s500ms]"},
           {"x[1h:5m] offset 1m", ""},
           {"x[1h:]", ""},
           {"rate(x[5m])[1h:30] @ 5", "rate(x[5m])[1h:30s] @ 5.000"},
           {"(a + b)[5m:]", ""},
           {"x[5m] anchored", ""},
           {"rate(x[5m] smoothed offset 1m)", ""},
           {"x anchored", ""},
       }) {
    ExpectPrints(c);
  }
}

TEST(ParserTest, DurationExpressions) {
  for (const Case& c : std::vector<Case>{
           {"x[5m*2]", "x[5m * 2]"},
           {"x[2m*(10+5)]", "x[2m * (10 + 5)]"},
           {"x[-5m+35m]", "x[-5m + 35m]"},
           {"x[(5s)]", ""},
           {"x[STEP()+1]", "x[step() + 1]"},
           {"x[max_of(min_of(step()+1, 1h), range())]",
            "x[max_of(min_of(step() + 1, 1h), range())]"},
           {"x[29s+1s:5s+5s] offset (20*500ms)", "x[29s + 1s:5s + 5s] offset (20 * 500ms)"},
           {"x offset -(5)", ""},
           {"x offset +(5m)", "x offset (5m)"},
           {"x offset -step()", ""},
           {"x offset (-2 ^ 2)", ""},
           {"x[-2^2+5]", "x[-2 ^ 2 + 5]"},
       }) {
    ExpectPrints(c);
  }
  auto range_ms = [](std::string_view text) {
    ExprPtr expr = *ParseExpr(text);
    const DurationValue& range = static_cast<const MatrixSelector&>(*expr).range;
    return range.expr ? -1 : range.ms;
  };
  EXPECT_EQ(range_ms("x[24m+((1.5*2m)+2m)]"), 29 * 60'000);
  EXPECT_EQ(range_ms("x[1h30m % 1h]"), 30 * 60'000);
  EXPECT_EQ(range_ms("x[2^3^2]"), 512'000);
  EXPECT_EQ(range_ms("x[10-2^2]"), 6'000);
  EXPECT_EQ(range_ms("x[-2^2+5]"), 1'000);
  EXPECT_EQ(range_ms("x[max_of(1s, min_of(3s, 2s))]"), 2'000);
  EXPECT_EQ(range_ms("x[step()]"), -1);
}

TEST(ParserTest, Operations) {
  for (const Case& c : std::vector<Case>{
           {"sum by(code) (x)", "sum by (code) (x)"},
           {"sum by () (x)", "sum(x)"},
           {"SUM(x) WITHOUT (a, b,)", "sum without (a, b) (x)"},
           {"sum without() (x)", "sum without () (x)"},
           {"topk(5, x)", ""},
           {"count_values(\"v\", x)", ""},
           {"quantile by (on, \"l.x\", sum) (0.9, x)", "quantile by (on, \"l.x\", sum) (0.9, x)"},
           {"limitk(2, x)", ""},
           {"a - on() c", "a - on () c"},
           {"a - on(b) group_left(x, y) c", "a - on (b) group_left (x, y) c"},
           {"a - ignoring(b) group_right c", "a - ignoring (b) group_right () c"},
           {"a - ignoring() c", "a - c"},
           {"a and on(b) c", "a and on (b) c"},
           {"up > bool 0", ""},
           {"1 == bool 2", ""},
           {"a + fill(0) b", "a + fill (0) b"},
           {"a + on(x) fill_right(-Inf) fill_left(1) b",
            "a + on (x) fill_left (1) fill_right (-Inf) b"},
           {"a * on (i) group_left fill (NaN) b", "a * on (i) group_left () fill (NaN) b"},
           {"a + fill(0) fill", "a + fill (0) fill"},
           {"h </ 5", ""},
           {"h >/ -Inf", ""},
           {"-x", ""},
           {"+x", ""},
           {"a - -b", ""},
           {"((a))", ""},
           {"time()", ""},
           {"hour()", ""},
           {"round(x, 5)", ""},
           {"label_join(x, \"d\", \",\")", ""},
           {"label_join(x, \"d\", \",\", \"a\", \"b\")", ""},
           {"STEP() + range() - end() + start()", "step() + range() - end() + start()"},
           {"max_of(1, min_of(2, 3))", ""},
           {"info(x, {k8s=~\".*\"})", ""},
           {"histogram_quantiles(x, \"q\", 0.5, 0.9)", ""},
       }) {
    ExpectPrints(c);
  }
}

TEST(ParserTest, FillsTheTree) {
  ExprPtr expr = *ParseExpr("sum by (a) (rate(x{b=\"c\"}[5m] offset 1m)) / 2");
  ASSERT_EQ(expr->kind(), NodeKind::kBinary);
  const auto& binary = static_cast<const BinaryExpr&>(*expr);
  EXPECT_FALSE(binary.matching);
  EXPECT_EQ(binary.op_pos.start, 42);
  EXPECT_EQ(binary.pos.end, 45);
  const auto& sum = static_cast<const AggregateExpr&>(*binary.lhs);
  EXPECT_EQ(sum.grouping, std::vector<std::string>{"a"});
  const auto& call = static_cast<const Call&>(*sum.expr);
  EXPECT_EQ(call.function, FindFunction("rate"));
  EXPECT_EQ(call.pos.start, 12);
  EXPECT_EQ(call.pos.end, 40);
  const auto& matrix = static_cast<const MatrixSelector&>(*call.args[0]);
  EXPECT_EQ(matrix.range.ms, 300'000);
  EXPECT_EQ(matrix.selector->time.offset.ms, 60'000);
  ASSERT_EQ(matrix.selector->matchers.size(), 2u);
  EXPECT_EQ(matrix.selector->matchers[1].ToString(), "__name__=\"x\"");
  ExprPtr both = *ParseExpr("a and b");
  EXPECT_EQ(static_cast<const BinaryExpr&>(*both).matching->card, Cardinality::kManyToMany);
  ExprPtr quoted = *ParseExpr("{\"a.b\"}");
  EXPECT_EQ(static_cast<const VectorSelector&>(*quoted).name, "a.b");
}

TEST(ParserTest, MetricSelector) {
  Result<std::vector<model::Matcher>> matchers = ParseMetricSelector("up{job=~\"a|b\"}");
  ASSERT_TRUE(matchers) << matchers.error().message();
  ASSERT_EQ(matchers->size(), 2u);
  EXPECT_EQ((*matchers)[0].ToString(), "job=~\"a|b\"");
  EXPECT_EQ((*matchers)[1].ToString(), "__name__=\"up\"");
  EXPECT_TRUE(ParseMetricSelector("{\"a.b\"}"));
  for (const Case& c : std::vector<Case>{
           {"up offset 5m", "1:4: parse error: unexpected <offset>"},
           {"up[5m]", "1:3: parse error: unexpected \"[\""},
           {"rate(x[5m])", "1:5: parse error: unexpected \"(\""},
           {"5", "1:1: parse error: unexpected number \"5\""},
           {"", "1:1: parse error: unexpected end of input"},
           {"{a=\"\"}", "match[] must contain at least one non-empty matcher"},
       }) {
    Result<std::vector<model::Matcher>> bad = ParseMetricSelector(c.text);
    ASSERT_FALSE(bad) << c.text;
    EXPECT_EQ(bad.error().message(), c.want) << c.text;
  }
}

TEST(FunctionsTest, TableIsWhole) {
  size_t experimental = 0;
  for (const FunctionInfo& function : AllFunctions()) {
    EXPECT_EQ(FindFunction(function.name), &function) << function.name;
    experimental += function.experimental ? 1 : 0;
  }
  EXPECT_EQ(experimental, 17u);
  EXPECT_EQ(AllFunctions().size() - experimental, 73u);
  EXPECT_EQ(FindFunction("rat"), nullptr);
  EXPECT_EQ(FindFunction("zzz"), nullptr);
}

}  // namespace
}  // namespace slurmscope::promql
