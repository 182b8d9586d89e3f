#include "model/labels.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "base/strings.h"
#include "model/metadata.h"
#include "model/sample.h"

namespace slurmscope::model {
namespace {

TEST(Labels, SortsDropsEmptyAndLetsTheLastWin) {
  Labels labels =
      Labels::FromPairs({{"b", "2"}, {"a", "1"}, {"c", ""}, {"b", "3"}, {"d", "x"}, {"d", ""}});
  std::string text;
  for (Label label : labels) base::StrAppend(text, label.name, "=", label.value, ";");
  EXPECT_EQ(text, "a=1;b=3;");
  EXPECT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels.Get("b"), "3");
  EXPECT_EQ(labels.Get("bb"), "");
  EXPECT_EQ(labels.Get(""), "");
  EXPECT_TRUE(labels.Has("a"));
  EXPECT_FALSE(labels.Has("c"));
  EXPECT_TRUE(Labels().empty());
  EXPECT_TRUE(Labels::FromPairs({{"a", ""}}).empty());
}

TEST(Labels, KeepsLongValues) {
  std::string value(100'000, 'v');
  Labels labels({{"a", value}, {"b", "x"}});
  EXPECT_EQ(labels.Get("a"), value);
  EXPECT_EQ(labels.Get("b"), "x");
}

TEST(Labels, EqualSetsHaveEqualHashes) {
  Labels a({{"x", "1"}, {"y", "2"}});
  Labels b({{"y", "2"}, {"x", "1"}, {"z", ""}});
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.Hash(), b.Hash());
  EXPECT_NE(a.Hash(), Labels({{"x", "12"}, {"y", ""}}).Hash());
  EXPECT_NE(Labels({{"ab", "c"}}).Hash(), Labels({{"a", "bc"}}).Hash());
}

TEST(Labels, OrderIsThatOfPairLists) {
  std::vector<Labels> ascending = {{},
                                   {{"a", "1"}},
                                   {{"a", "1"}, {"b", "1"}},
                                   {{"a", "1"}, {"b", "2"}},
                                   {{"a", "10"}},
                                   {{"a", "2"}},
                                   {{"aa", "1"}},
                                   {{"b", "\x7F"}},
                                   {{"b", "\xC3\xA9"}}};
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(ascending[i] < ascending[j], i < j) << i << " " << j;
      EXPECT_EQ(ascending[i].Compare(ascending[j]) == 0, i == j);
    }
  }
}

TEST(Labels, ToStringIsPromql) {
  EXPECT_EQ(Labels().ToString(), "{}");
  EXPECT_EQ(Labels({{"__name__", "up"}}).ToString(), "up");
  EXPECT_EQ(Labels({{"__name__", "a:b"}, {"job", "x\"\n"}}).ToString(), R"(a:b{job="x\"\n"})");
  EXPECT_EQ(Labels({{"__name__", "my.metric"}, {"a", "b"}}).ToString(), R"({"my.metric", a="b"})");
  EXPECT_EQ(Labels({{"a.b", "c"}, {"d", "e"}}).ToString(), R"({"a.b"="c", d="e"})");
}

TEST(LabelsBuilder, AgreesWithAMap) {
  std::mt19937 random(3);
  LabelsBuilder builder;
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 5'000; ++i) {
    std::string name(1 + random() % 2, static_cast<char>('a' + random() % 5));
    std::string value(random() % 3, 'v');
    builder.Set(name, value);
    if (value.empty()) {
      expected.erase(name);
    } else {
      expected[name] = value;
    }
    EXPECT_EQ(builder.Get(name), value);
  }
  Labels built = builder.Build();
  EXPECT_EQ(built, Labels::FromPairs({expected.begin(), expected.end()}));
  EXPECT_EQ(LabelsBuilder(built).Build(), built);
}

TEST(LabelsBuilder, KeepsDropsRemoves) {
  Labels base({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  EXPECT_EQ(LabelsBuilder(base).Keep({"c", "a", "x"}).Build(), Labels({{"a", "1"}, {"c", "3"}}));
  EXPECT_EQ(LabelsBuilder(base).Drop({"c", "x"}).Build(), Labels({{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(LabelsBuilder(base).Remove("b").Remove("x").Build(), Labels({{"a", "1"}, {"c", "3"}}));
}

TEST(Names, Legacy) {
  for (std::string_view good : {"a", "_", "A1_b"}) EXPECT_TRUE(IsLegacyLabelName(good)) << good;
  for (std::string_view bad : {"", "1a", "a-b", "a:b", "\xC3\xA9", "a b"})
    EXPECT_FALSE(IsLegacyLabelName(bad)) << bad;
  EXPECT_TRUE(IsLegacyMetricName(":a:1"));
  EXPECT_FALSE(IsLegacyMetricName("1:a"));
  EXPECT_FALSE(IsLegacyMetricName(""));
}

TEST(Samples, StaleIsNotAnyNan) {
  EXPECT_TRUE(IsStale(StaleNan()));
  EXPECT_FALSE(IsStale(NormalNan()));
  EXPECT_TRUE(NormalNan() != NormalNan());
}

TEST(MetadataTest, TypesAreSpelledAsInTheApi) {
  EXPECT_EQ(ToString(MetricType::kGaugeHistogram), "gaugehistogram");
  EXPECT_EQ(ToString(MetricType::kUnknown), "unknown");
}

}  // namespace
}  // namespace slurmscope::model
