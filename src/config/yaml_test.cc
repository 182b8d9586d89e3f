#include "config/yaml.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace slurmscope::config {
namespace {

using base::StrCat;

std::string Problem(const Result<Node>& node) { return node ? "none" : node.error().message(); }
std::string YamlProblem(std::string_view text) { return Problem(ParseYaml(text, "f")); }
std::string JsonProblem(std::string_view text) { return Problem(ParseJson(text, "f")); }
bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Yaml, KindsQuotesAndPlaces) {
  auto root = ParseYaml("a: 1\nb:\n  - 'x'\n  - ~\n  - {c: \"~\"}\nd: |\n  t\n", "f");
  ASSERT_TRUE(root) << Problem(root);
  const Node* a = root->Find("a");
  EXPECT_EQ(a->scalar, "1");
  EXPECT_FALSE(a->quoted);
  EXPECT_EQ(a->line, 1);
  EXPECT_EQ(a->column, 4);
  const Node* b = root->Find("b");
  ASSERT_EQ(b->items.size(), 3u);
  EXPECT_TRUE(b->items[0].quoted);
  EXPECT_EQ(b->items[0].line, 3);
  EXPECT_EQ(b->items[0].column, 5);
  EXPECT_EQ(b->items[1].kind, Node::Kind::kNull);
  EXPECT_EQ(b->items[2].Find("c")->scalar, "~");
  EXPECT_TRUE(root->Find("d")->quoted);
  EXPECT_EQ(root->Find("e"), nullptr);
}

TEST(Yaml, AliasesAndMergeKeys) {
  auto root = ParseYaml("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: [*x, *x]\n", "f");
  ASSERT_TRUE(root) << Problem(root);
  EXPECT_EQ(root->Find("y")->Find("a")->scalar, "1");
  EXPECT_EQ(root->Find("y")->Find("b")->scalar, "3");
  EXPECT_EQ(root->Find("z")->items[1].Find("b")->scalar, "2");
}

TEST(Yaml, Problems) {
  EXPECT_EQ(YamlProblem("a: 1\nb: {c: 1, c: 2}\n"),
            "f:2:11: key \"c\" is already set in this mapping");
  EXPECT_TRUE(Contains(YamlProblem("a: 1\n---\nb: 2\n"), "more than one YAML document"));
  EXPECT_EQ(YamlProblem("a: [1, 2\nb: 3\n").substr(0, 2), "f:");
  EXPECT_TRUE(Contains(YamlProblem("a: *x"), "f:1:4: "));
  EXPECT_TRUE(Contains(YamlProblem("a: &a [*a]"), "not complete"));
  EXPECT_TRUE(Contains(YamlProblem("? [a]\n: b\n"), "plain text"));
  EXPECT_TRUE(Contains(YamlProblem("a: \xff"), "UTF-8"));
  EXPECT_TRUE(Contains(YamlProblem(std::string_view("a: \x04", 4)), "control"));
  EXPECT_TRUE(Contains(YamlProblem("<<: 1"), "only mappings"));
}

TEST(Yaml, BoundsDepthAndAliases) {
  EXPECT_TRUE(
      Contains(YamlProblem(std::string(200, '[') + std::string(200, ']')), "nested too deeply"));
  EXPECT_NE(YamlProblem(std::string(100'000, '[')), "none");
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    base::StrAppend(laughs, "a", i, ": &a", i, " [");
    for (int n = 0; n < 10; ++n) base::StrAppend(laughs, n > 0 ? ", " : "", "*a", i - 1);
    laughs += "]\n";
  }
  EXPECT_TRUE(Contains(YamlProblem(laughs), "aliases make this document too large"));
}

TEST(Json, TakesWhatRfc8259Takes) {
  auto root = ParseJson(R"( {"a": [1, -2.5e+3, true, null, "x\n\ud83d\ude00"], "b": {}} )", "f");
  ASSERT_TRUE(root) << Problem(root);
  const Node* a = root->Find("a");
  EXPECT_EQ(a->items[1].scalar, "-2.5e+3");
  EXPECT_EQ(a->items[3].kind, Node::Kind::kNull);
  EXPECT_EQ(a->items[4].scalar, "x\n\xF0\x9F\x98\x80");
  EXPECT_EQ(root->Find("b")->kind, Node::Kind::kMapping);
}

TEST(Json, Problems) {
  for (std::string_view text :
       {"", "{", "[1,]", "{\"a\":1,}", "01", "1.", "nul", "'a'", "[1] 2", "\"\\x\"", "\"a",
        "\"\\ud800\"", "\"\\u12\"", "{1: 2}", "[1 2]", "\"\n\"", "+1", "\"\xff\"", "-"}) {
    EXPECT_NE(JsonProblem(text), "none") << text;
  }
  EXPECT_TRUE(Contains(JsonProblem("{\"a\": 1,\n \"a\": 2}"), "f:2:5: key \"a\" is set twice"));
  EXPECT_TRUE(Contains(JsonProblem(std::string(100'000, '[')), "nested too deeply"));
}

}  // namespace
}  // namespace slurmscope::config
