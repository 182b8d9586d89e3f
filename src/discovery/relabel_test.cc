#include "discovery/relabel.h"

#include <gtest/gtest.h>

#include <optional>

#include "discovery/md5.h"

namespace slurmscope::discovery {
namespace {

using config::RelabelAction;
using config::RelabelConfig;
using model::Labels;

struct Rule {
  RelabelAction action = RelabelAction::kReplace;
  std::vector<std::string> source = {};
  std::string regex = "(.*)";
  std::string target = {};
  std::string replacement = "$1";
  uint64_t modulus = 0;
  std::string separator = ";";
};

RelabelConfig Make(const Rule& rule) {
  RelabelConfig config;
  config.action = rule.action;
  config.source_labels = rule.source;
  config.regex = *model::Regex::Compile(rule.regex);
  config.target_label = rule.target;
  config.replacement = rule.replacement;
  config.modulus = rule.modulus;
  config.separator = rule.separator;
  return config;
}

std::optional<Labels> Apply(const Labels& labels, const std::vector<Rule>& rules) {
  std::vector<RelabelConfig> configs;
  for (const Rule& rule : rules) configs.push_back(Make(rule));
  model::LabelsBuilder builder(labels);
  if (!Relabel(configs, &builder)) return std::nullopt;
  return builder.Build();
}

TEST(Relabel, Table) {
  using A = RelabelAction;
  struct Case {
    const char* what;
    Labels in;
    std::vector<Rule> rules;
    std::optional<Labels> out;
  };
  const Labels abc = {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}};
  const std::vector<Case> cases = {
      {"replace with groups",
       abc,
       {{A::kReplace, {"a"}, "f(.*)", "d", "ch${1}-ch$1"}},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "choo-choo"}}},
      {"join by separator",
       abc,
       {{A::kReplace, {"a", "b"}, "(.*)#(.*)", "d", "$2$1", 0, "#"}},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "barfoo"}}},
      {"regex is anchored", abc, {{A::kReplace, {"a"}, "o", "d", "x"}}, abc},
      {"empty result removes",
       abc,
       {{A::kReplace, {"a"}, "f(x?).*", "b", "$1"}},
       Labels{{"a", "foo"}, {"c", "baz"}}},
      {"target from groups",
       abc,
       {{A::kReplace, {"a", "b"}, "(?P<n>foo);(.*)", "${n}_x", "$2"}},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"foo_x", "bar"}}},
      {"no source labels",
       abc,
       {{A::kReplace, {}, "(.*)", "d", "const"}},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "const"}}},
      {"keep", abc, {{A::kKeep, {"a"}, "foo|x"}}, abc},
      {"keep drops others", abc, {{A::kKeep, {"a"}, "fo"}}, std::nullopt},
      {"drop", abc, {{A::kDrop, {"a"}, ".*o"}}, std::nullopt},
      {"drop keeps others", abc, {{A::kDrop, {"a"}, "o"}}, abc},
      {"missing source is empty", abc, {{A::kDrop, {"zz"}, ""}}, std::nullopt},
      {"keepequal",
       {{"a", "x"}, {"b", "x"}},
       {{A::kKeepEqual, {"a"}, "(.*)", "b"}},
       Labels{{"a", "x"}, {"b", "x"}}},
      {"keepequal drops", abc, {{A::kKeepEqual, {"a"}, "(.*)", "b"}}, std::nullopt},
      {"dropequal", {{"a", "x"}, {"b", "x"}}, {{A::kDropEqual, {"a"}, "(.*)", "b"}}, std::nullopt},
      {"dropequal keeps", abc, {{A::kDropEqual, {"a"}, "(.*)", "b"}}, abc},
      {"labelmap",
       {{"__meta_x", "1"}, {"y", "2"}},
       {{A::kLabelMap, {}, "__meta_(.+)", "", "m_$1"}},
       Labels{{"__meta_x", "1"}, {"m_x", "1"}, {"y", "2"}}},
      {"labeldrop", abc, {{A::kLabelDrop, {}, "a|b"}}, Labels{{"c", "baz"}}},
      {"labelkeep", abc, {{A::kLabelKeep, {}, "a|b"}}, Labels{{"a", "foo"}, {"b", "bar"}}},
      {"lowercase",
       {{"a", "AbC-9"}},
       {{A::kLowercase, {"a"}, "(.*)", "b"}},
       Labels{{"a", "AbC-9"}, {"b", "abc-9"}}},
      {"uppercase",
       {{"a", "AbC-z"}},
       {{A::kUppercase, {"a"}, "(.*)", "b"}},
       Labels{{"a", "AbC-z"}, {"b", "ABC-Z"}}},
      // md5("foo") is acbd18db4cc2f85cedef654fccc4a4d8
      {"hashmod",
       {{"a", "foo"}},
       {{A::kHashMod, {"a"}, "(.*)", "m", "$1", 1000}},
       Labels{{"a", "foo"}, {"m", std::to_string(0xedef654fccc4a4d8ull % 1000)}}},
      {"rules in order",
       abc,
       {{A::kReplace, {"a"}, "(.*)", "t", "$1"},
        {A::kKeep, {"t"}, "foo"},
        {A::kLabelKeep, {}, "t"}},
       Labels{{"t", "foo"}}},
  };
  for (const Case& c : cases) EXPECT_EQ(Apply(c.in, c.rules), c.out) << c.what;
}

std::string Hex(const std::array<uint8_t, 16>& digest) {
  std::string out;
  for (uint8_t byte : digest) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

TEST(Md5, KnownDigests) {  // the examples of RFC 1321, appendix A.5
  EXPECT_EQ(Hex(Md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Hex(Md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(
      Hex(Md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890")),
      "57edf4a22be3c955ac49da2e2107b67a");
}

}  // namespace
}  // namespace slurmscope::discovery
