#include "promql/lexer.h"

#include <gtest/gtest.h>

#include "promql/keywords.h"
#include "promql/literals.h"
#include "promql/rune.h"

namespace slurmscope::promql {
namespace {

// The tokens as messages name them, with positions.
std::string Lex(std::string_view text) {
  std::string out;
  Lexer lexer(text);
  while (true) {
    Token token = lexer.Next();
    if (token.kind == TokenKind::kEof) return out;
    if (!out.empty()) out += ' ';
    out += std::to_string(token.pos) + ":";
    if (token.kind == TokenKind::kError) return out + "error " + lexer.error();
    out += Describe(token);
  }
}

TEST(LexerTest, Tokens) {
  EXPECT_EQ(Lex("a+b:c"), "0:identifier \"a\" 1:<op:+> 2:metric identifier \"b:c\"");
  EXPECT_EQ(Lex("Sum BY (x)"), "0:<aggr:Sum> 4:<BY> 7:\"(\" 8:identifier \"x\" 9:\")\"");
  EXPECT_EQ(Lex("a </ >/ <= >= < > == != ="),
            "0:identifier \"a\" 2:<op:</> 5:<op:>/> 8:<op:<=> 11:<op:>=> 14:<op:<> 16:<op:>> "
            "18:<op:==> 21:<op:!=> 24:\"=\"");
  EXPECT_EQ(Lex("x @ 1"), "0:identifier \"x\" 2:<op:@> 4:number \"1\"");
  EXPECT_EQ(Lex("'123456789'"), "0:string \"'123456789\"...");
}

TEST(LexerTest, WordsDependOnTheNesting) {
  EXPECT_EQ(Lex("{sum=~'a',b!~`c`}"),
            "0:\"{\" 1:identifier \"sum\" 4:<op:=~> 6:string \"'a'\" 9:\",\" 10:identifier \"b\" "
            "11:<op:!~> 13:string \"`c`\" 16:\"}\"");
  EXPECT_EQ(
      Lex("[step()+5m:1]"),
      "0:\"[\" 1:\"step\" 5:\"(\" 6:\")\" 7:<op:+> 8:duration \"5m\" 10:\":\" 11:number \"1\" "
      "12:\"]\"");
  EXPECT_EQ(Lex("a # b\nc"), "0:identifier \"a\" 6:identifier \"c\"");
  EXPECT_EQ(Lex("{# c\n}"), "0:\"{\" 5:\"}\"");
}

TEST(LexerTest, Numbers) {
  for (std::string_view text :
       {"1", "1.5", ".5", "5.", "1e5", "1E-5", "1e+5", "0x1F", "0xa_b", "1_000", "Inf", "nan"}) {
    EXPECT_EQ(Lex(text), "0:number \"" + std::string(text) + "\"");
  }
  for (std::string_view text : {"5m", "1h30m", "100ms", "1y2w3d"}) {
    EXPECT_EQ(Lex(text), "0:duration \"" + std::string(text) + "\"");
  }
  for (std::string_view text : {"1__0", "1_", "1e", "1e5e5", "0x", "0x_", "1.2.3", "5mx", "5 m5"}) {
    bool failed = Lex(text).find("error bad number") != std::string::npos;
    EXPECT_EQ(failed, text != "5 m5") << text << " " << Lex(text);
  }
}

TEST(LexerTest, Keywords) {
  EXPECT_EQ(KeywordKind("anchored"), TokenKind::kAnchored);
  EXPECT_EQ(KeywordKind("WITHOUT"), TokenKind::kWithout);
  EXPECT_EQ(KeywordKind("Count_Values"), TokenKind::kCountValues);
  EXPECT_EQ(KeywordKind("summ"), TokenKind::kIdentifier);
  EXPECT_EQ(KeywordKind(""), TokenKind::kIdentifier);
}

TEST(LiteralsTest, Numbers) {
  EXPECT_EQ(*ParseNumber("0x7fffffffffffffff"), 9223372036854775807.0);
  EXPECT_EQ(*ParseNumber("99999999999999999999"), 1e20);
  EXPECT_EQ(*ParseNumber("0x_1F"), 31);
  EXPECT_EQ(*ParseNumber("1_0.2_5"), 10.25);
  EXPECT_EQ(*ParseNumber("08.5"), 8.5);
  EXPECT_EQ(ParseNumber("1e999").error().message(),
            "error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of range");
  EXPECT_FALSE(ParseNumber("0xffffffffffffffffff"));
}

TEST(LiteralsTest, Strings) {
  EXPECT_EQ(Unquote(R"("a\n\\\"\x00\377\u20ac\U0001F600z")"),
            std::string("a\n\\\"\0\377\xE2\x82\xAC\xF0\x9F\x98\x80z", 14));
  EXPECT_EQ(Unquote(R"('\'"')"), "'\"");
  EXPECT_EQ(Unquote(R"(`\n`)"), "\\n");
}

TEST(RuneTest, DecodesAndDescribes) {
  EXPECT_EQ(DecodeRune("\xE2\x82\xACx").value, 0x20ACu);
  EXPECT_EQ(DecodeRune("\xE2\x82").length, 0u);
  EXPECT_EQ(DecodeRune("\x80").length, 0u);
  EXPECT_EQ(QuoteRune("\n"), "'\\n'");
  EXPECT_EQ(QuoteRune("\""), "'\"'");
  EXPECT_EQ(QuoteRune("'"), "'\\''");
  EXPECT_EQ(DescribeRune("a"), "U+0061 'a'");
  EXPECT_EQ(DescribeRune("\n"), "U+000A");
}

}  // namespace
}  // namespace slurmscope::promql
