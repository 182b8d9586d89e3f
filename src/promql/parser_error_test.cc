#include "promql/parser.h"

#include <gtest/gtest.h>

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
  std::string_view want;
};

void ExpectFails(const Case& c, const ParserOptions& options = AllOn()) {
  SCOPED_TRACE(c.text);
  Result<ExprPtr> expr = ParseExpr(c.text, options);
  ASSERT_FALSE(expr) << ToString(**expr);
  EXPECT_EQ(expr.error().message(), c.want);
  EXPECT_EQ(expr.error().code(), base::ErrorCode::kInvalidArgument);
}

TEST(ParserErrorTest, SyntaxErrors) {
  for (const Case& c : std::vector<Case>{
           {"", "1:1: parse error: no expression found in input"},
           {"# nothing\n", "1:1: parse error: no expression found in input"},
           {"1 +", "1:4: parse error: unexpected end of input"},
           {"a\n+ b *", "2:6: parse error: unexpected end of input"},
           {"*1", "1:1: parse error: unexpected <op:*>"},
           {"1 = 2", "1:3: parse error: unexpected \"=\""},
           {"(1))", "1:5: parse error: unexpected right parenthesis ')'"},
           {"((1)", "1:5: parse error: unclosed left parenthesis"},
           {"sum(rate(", "1:10: parse error: unclosed left parenthesis"},
           {"a b", "1:3: parse error: unexpected identifier \"b\""},
           {"a:b c:d", "1:5: parse error: unexpected metric identifier \"c:d\""},
           {"a 5", "1:3: parse error: unexpected number \"5\""},
           {"a 5m", "1:3: parse error: unexpected duration \"5m\""},
           {"a \"s\"", "1:3: parse error: unexpected string \"\\\"s\\\"\""},
           {"a + sum sum(b)", "1:9: parse error: unexpected <aggr:sum>"},
           {"sum(a) by (b) by (c)", "1:15: parse error: unexpected <by>"},
           {"a + on", "1:7: parse error: unexpected end of input in grouping opts, expected \"(\""},
           {"a + group_left(b) c", "1:5: parse error: unexpected <group_left>"},
           {"sum by (a b) (c)",
            "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or "
            "\")\""},
           {"sum by (1) (c)",
            "1:9: parse error: unexpected number \"1\" in grouping opts, expected label"},
           {"sum by (a,,) (c)",
            "1:11: parse error: unexpected \",\" in grouping opts, expected label"},
           {"sum by (\"\") (c)", "1:9: parse error: invalid label name \"\""},
           {".", "1:1: parse error: unexpected character: '.'"},
           {"a }", "1:3: parse error: unexpected character: '}'"},
           {"a ]", "1:3: parse error: unexpected right bracket ']'"},
           {"a ! b", "1:3: parse error: unexpected character after '!': ' '"},
           {"a =~ b", "1:3: parse error: unexpected character after '=': '~'"},
           {"2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""},
           {"100..4", "1:1: parse error: bad number or duration syntax: \"100..\""},
           {"5mm", "1:1: parse error: bad number or duration syntax: \"5mm\""},
           {"1h5d", "1:1: parse error: not a valid duration string: \"1h5d\""},
           {"\"abc", "1:1: parse error: unterminated quoted string"},
           {"`abc", "1:1: parse error: unterminated raw string"},
           {"\"\\q\"", "1:1: parse error: unknown escape sequence U+0071 'q'"},
           {"\"\\x0g\"", "1:1: parse error: illegal character U+0067 'g' in escape sequence"},
           {"\"\\ud800\"", "1:1: parse error: escape sequence is an invalid Unicode code point"},
           {"\"\\", "1:1: parse error: escape sequence not terminated"},
           {"\"\xFF\"", "1:1: parse error: invalid UTF-8 rune"},
           {"a $ b", "1:3: parse error: unexpected character: '$'"},
           {"\xE2\x82\xAC", "1:1: parse error: unexpected character: '\xE2\x82\xAC'"},
           {"foo(1, )", "1:6: parse error: trailing commas not allowed in function call args"},
           {"foo(1, \"x)", "1:8: parse error: unterminated quoted string"},
       }) {
    ExpectFails(c);
  }
}

TEST(ParserErrorTest, SelectorErrors) {
  for (const Case& c : std::vector<Case>{
           {"{", "1:2: parse error: unexpected end of input inside braces"},
           {"x{a=b}",
            "1:5: parse error: unexpected identifier \"b\" in label matching, expected string"},
           {"x{a}",
            "1:4: parse error: unexpected \"}\" in label matching, expected label matching "
            "operator"},
           {"x{,}",
            "1:3: parse error: unexpected \",\" in label matching, expected identifier or \"}\""},
           {"x{a=\"b\" c}",
            "1:9: parse error: unexpected identifier \"c\" in label matching, expected \",\" or "
            "\"}\""},
           {"x{a==\"b\"}", "1:5: parse error: unexpected \"=\" in label matching, expected string"},
           {"x{1=\"b\"}", "1:3: parse error: unexpected character inside braces: '1'"},
           {"x{a:b=\"c\"}", "1:4: parse error: unexpected character inside braces: ':'"},
           {"x{{", "1:3: parse error: unexpected left brace '{'"},
           {"x{a!b}", "1:4: parse error: unexpected character after '!' inside braces: 'b'"},
           {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
           {"a + {x=\"\"}",
            "1:5: parse error: vector selector must contain at least one non-empty matcher"},
           {"{x!~\".+\"}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher"},
           {"a{__name__=\"b\"}",
            "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""},
           {"a{\"b\"}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""},
           {"x{a=~\"(\"}", "1:3: parse error: error parsing regexp: missing ): ("},
           {"x[", "1:3: parse error: unexpected end of input in duration expression"},
           {"x[5m", "1:5: parse error: unexpected end of input in duration expression"},
           {"x[]",
            "1:3: parse error: unexpected \"]\" in subquery or range selector, expected number, "
            "duration, step(), or range()"},
           {"x[step]",
            "1:7: parse error: unexpected \"]\" in subquery or range selector, expected number, "
            "duration, step(), or range()"},
           {"x[5m,]",
            "1:5: parse error: unexpected \",\" in subquery or range, expected \":\" or \"]\""},
           {"x[5m:5m:]", "1:8: parse error: unexpected \":\" in subquery selector, expected \"]\""},
           {"x[5s y]", "1:6: parse error: unexpected character: 'y', expected ':'"},
           {"x[foo]", "1:3: parse error: unexpected character in duration expression: 'f'"},
           {"x[\"5m\"]", "1:3: parse error: unexpected character in duration expression: '\"'"},
           {"x[0m]", "1:3: parse error: duration must be greater than 0"},
           {"x[5m-5m]", "1:3: parse error: duration must be greater than 0"},
           {"x[5m:-1s]", "1:6: parse error: duration must be greater than 0"},
           {"x[5s/0]", "1:5: parse error: division by zero"},
           {"x[step()%0d]", "1:9: parse error: modulo by zero"},
           {"x[9.5e10]", "1:3: parse error: duration out of range"},
           {"x[10^10^10]", "1:3: parse error: duration out of range"},
           {"(a + b)[5m]", "1:8: parse error: ranges only allowed for vector selectors"},
           {"x[5m][5m]", "1:6: parse error: ranges only allowed for vector selectors"},
           {"x offset 1m [5m]", "1:13: parse error: no offset modifiers allowed before range"},
           {"x @ 5 [5m]", "1:7: parse error: no @ modifiers allowed before range"},
           {"x offset",
            "1:9: parse error: unexpected end of input in offset, expected number, duration, "
            "step(), or range()"},
           {"x offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"},
           {"1 offset 1m",
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or "
            "range vector selector or a subquery"},
           {"x @", "1:4: parse error: unexpected end of input in @, expected timestamp"},
           {"x @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
           {"x @ -Inf", "1:1: parse error: timestamp out of bounds for @ modifier: -Inf"},
           {"x @ nan", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"},
           {"rate(x[1m]) @ 5",
            "1:1: parse error: @ modifier must be preceded by an instant vector selector or range "
            "vector selector or a subquery"},
           {"x[5m:] anchored",
            "1:1: parse error: anchored modifier is not supported for subqueries"},
           {"1 + sum(x) smoothed", "1:5: parse error: smoothed modifier not implemented"},
           {"rate(x[5m]) anchored", "1:1: parse error: anchored modifier not implemented"},
           {"x anchored smoothed",
            "1:1: parse error: anchored and smoothed modifiers cannot be used together"},
       }) {
    ExpectFails(c);
  }
}

TEST(ParserErrorTest, TypeErrors) {
  for (
      const Case& c : std::vector<Case>{
          {"a > b()", "1:5: parse error: unknown function with name \"b\""},
          {"ABS(x)", "1:1: parse error: unknown function with name \"ABS\""},
          {"floor()", "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 0"},
          {"hour(a, b)",
           "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2"},
          {"label_join(a)",
           "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"},
          {"abs(x[5m])",
           "1:5: parse error: expected type instant vector in call to function \"abs\", got range "
           "vector"},
          {"rate(x)",
           "1:6: parse error: expected type range vector in call to function \"rate\", got instant "
           "vector"},
          {"label_join(x, \"d\", \",\", 5)",
           "1:25: parse error: expected type string in call to function \"label_join\", got "
           "scalar"},
          {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
          {"topk(x)",
           "1:1: parse error: wrong number of arguments for aggregate expression provided, "
           "expected "
           "2, got 1"},
          {"sum(1)",
           "1:5: parse error: expected type instant vector in aggregation expression, got scalar"},
          {"topk(x, y)",
           "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"},
          {"count_values(5, y)",
           "1:14: parse error: expected type string in aggregation parameter, got scalar"},
          {"a + x[5m]",
           "1:5: parse error: binary expression must contain only scalar and instant vector types"},
          {"\"a\" + 1",
           "1:1: parse error: binary expression must contain only scalar and instant vector types"},
          {"a + bool b",
           "1:3: parse error: bool modifier can only be used on comparison operators"},
          {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
          {"1 and 1",
           "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
          {"a or 1",
           "1:1: parse error: set operator \"or\" not allowed in binary scalar expression"},
          {"a and on(b) group_left(c) d",
           "1:1: parse error: no grouping allowed for \"and\" operation"},
          {"a == on(b) 1",
           "1:1: parse error: vector matching only allowed between instant vectors"},
          {"a + on(b) group_left(b) c",
           "1:3: parse error: label \"b\" must not occur in ON and GROUP clause at once"},
          {"a + fill(1) 5",
           "1:1: parse error: filling in missing series only allowed between instant vectors"},
          {"a or fill(1) b",
           "1:1: parse error: filling in missing series not allowed for set operators"},
          {"-\"x\"",
           "1:1: parse error: unary expression only allowed on expressions of type scalar or "
           "instant vector, got \"string\""},
          {"x[5m][5m:]",
           "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"},
          {"1[5m:]",
           "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
          {"info(x, y)",
           "1:9: parse error: expected label selectors only, got vector selector instead"},
          {"info(x, {a=\"b\"} == 1)", "1:9: parse error: expected label selectors only"},
      }) {
    ExpectFails(c);
  }
}

TEST(ParserErrorTest, SwitchedOff) {
  for (const Case& c : std::vector<Case>{
           {"1 + step()", "1:5: parse error: function \"step\" is not enabled"},
           {"limitk(1, x)",
            "1:1: parse error: limitk() is experimental and must be enabled with "
            "--enable-feature=promql-experimental-functions"},
           {"rate(x[5m] smoothed)",
            "1:6: parse error: smoothed modifier is experimental and not enabled"},
           {"a + fill(0) b",
            "1:1: parse error: binop fill modifiers are experimental and not enabled"},
       }) {
    ExpectFails(c, {});
  }
  // The words stay names, and durations have step() without a switch.
  for (std::string_view text : {"fill + anchored", "limitk", "x[step()]", "x{step=\"1\"}"}) {
    EXPECT_TRUE(ParseExpr(text)) << text;
  }
}

TEST(ParserErrorTest, BoundsDepthAndLength) {
  auto repeat = [](std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  constexpr int kMany = 100'000;
  EXPECT_TRUE(ParseExpr(repeat("(", 150) + "1" + repeat(")", 150)));
  EXPECT_TRUE(ParseExpr("1" + repeat(" + 1", 380)));
  EXPECT_TRUE(ParseExpr("x" + repeat(" or x", 380)));
  for (const std::string& text : {repeat("(", kMany), repeat("-", kMany), "1" + repeat("^1", kMany),
                                  "x[" + repeat("(", kMany), "x[" + repeat("-", kMany),
                                  "x offset " + repeat("-", kMany), repeat("abs(", kMany)}) {
    Result<ExprPtr> expr = ParseExpr(text);
    ASSERT_FALSE(expr);
    EXPECT_NE(expr.error().message().find("nested too deeply, the limit is 200"), std::string::npos)
        << expr.error().message();
  }
  for (const std::string& text : {"1" + repeat("+1", kMany), "x" + repeat("[1m:]", kMany),
                                  "x[1" + repeat("+1", kMany) + "]"}) {
    Result<ExprPtr> expr = ParseExpr(text);
    ASSERT_FALSE(expr);
    EXPECT_NE(expr.error().message().find("too complex, the limit is 400"), std::string::npos)
        << expr.error().message();
  }
  Result<ExprPtr> expr = ParseExpr(repeat(" ", (1 << 20) + 1));
  ASSERT_FALSE(expr);
  EXPECT_EQ(expr.error().message(), "1:1: parse error: expression is longer than 1048576 bytes");
}

}  // namespace
}  // namespace slurmscope::promql
