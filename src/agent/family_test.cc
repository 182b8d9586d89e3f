#include "agent/family.h"

#include <gtest/gtest.h>

namespace slurmscope::agent {
namespace {

std::string Render(FamilySet& set) {
  std::string out;
  Merger merger;
  merger.Render({&set}, out);
  return out;
}

TEST(Family, SortsBySeriesAndByName) {
  FamilySet set;
  Family& b = set.Get("b", "B.", MetricType::kGauge, {"cpu"});
  Family& a = set.Get("a", "A.", MetricType::kCounter);
  set.Begin();
  b.Set({"2"}, 1);
  b.Set({"10"}, 2);
  a.Set(3);
  EXPECT_EQ(Render(set),
            "# HELP a A.\n# TYPE a counter\na 3\n"
            "# HELP b B.\n# TYPE b gauge\nb{cpu=\"10\"} 2\nb{cpu=\"2\"} 1\n");
}

TEST(Family, ForgetsSeriesThatAreGoneAndHidesEmptyFamilies) {
  FamilySet set;
  Family& family = set.Get("x", "X.", MetricType::kGauge, {"d"});
  set.Begin();
  family.Set({"a"}, 1);
  family.Set({"b"}, 2);
  family.Set({"c"}, 3);
  Render(set);
  set.Begin();
  family.Set({"c"}, 30);
  family.Set({"a"}, 1);
  EXPECT_EQ(Render(set), "# HELP x X.\n# TYPE x gauge\nx{d=\"a\"} 1\nx{d=\"c\"} 30\n");
  set.Begin();
  EXPECT_EQ(Render(set), "");
  set.Begin();
  family.Set({"b"}, 5);
  EXPECT_EQ(Render(set), "# HELP x X.\n# TYPE x gauge\nx{d=\"b\"} 5\n");
}

TEST(Family, FirstValueOfASeriesStays) {
  FamilySet set;
  Family& family = set.Get("x", "X.", MetricType::kGauge, {"d"});
  set.Begin();
  family.Set({"a"}, 1);
  family.Set({"a"}, 2);
  EXPECT_EQ(family.series(), 1u);
  EXPECT_NE(Render(set).find("x{d=\"a\"} 1\n"), std::string::npos);
}

TEST(Merger, OfASeriesThatTwoSetsHaveTheFirstIsWritten) {
  FamilySet one;
  FamilySet two;
  FamilySet text;
  one.Get("x", "X.", MetricType::kGauge, {"d"});
  two.Get("x", "X.", MetricType::kGauge, {"d"});
  text.Get("x", "Y.", MetricType::kGauge);
  Merger merger;
  const auto render = [&](const char* second, const char* third) {
    for (FamilySet* set : {&one, &two, &text}) set->Begin();
    one.families()[0].Set({"a"}, 1);
    two.families()[0].Set({second}, 2);
    text.families()[0].SetSeries(third, 3);
    std::string out;
    merger.Render({&one, &two, &text}, out);
    return out;
  };
  const std::string begin = "# HELP x X.\n# TYPE x gauge\nx{d=\"a\"} 1\n";
  EXPECT_EQ(render("b", "x{d=\"c\"}"), begin + "x{d=\"b\"} 2\nx{d=\"c\"} 3\n");
  EXPECT_EQ(merger.duplicated(), "");
  EXPECT_EQ(render("a", "x{d=\"c\"}"), begin + "x{d=\"c\"} 3\n");
  EXPECT_EQ(merger.duplicated(), "x");
  EXPECT_EQ(render("b", "x{d=\"a\"}"), begin + "x{d=\"b\"} 2\n");
  EXPECT_EQ(merger.duplicated(), "x");
}

TEST(Family, LabelValuesThatRunTogetherAreDifferentSeries) {
  FamilySet set;
  Family& family = set.Get("x", "X.", MetricType::kGauge, {"a", "b"});
  set.Begin();
  family.Set({"1", "23"}, 1);
  family.Set({"12", "3"}, 2);
  family.Set({"q\"\n", ""}, 3);
  const std::string out = Render(set);
  EXPECT_NE(out.find("x{a=\"1\",b=\"23\"} 1\n"), std::string::npos);
  EXPECT_NE(out.find("x{a=\"12\",b=\"3\"} 2\n"), std::string::npos);
  EXPECT_NE(out.find("x{a=\"q\\\"\\n\",b=\"\"} 3\n"), std::string::npos);
}

TEST(Family, ZeroIsPrintedTheFirstTime) {
  FamilySet set;
  Family& family = set.Get("x", "X.", MetricType::kGauge);
  set.Begin();
  family.Set(0);
  EXPECT_NE(Render(set).find("x 0\n"), std::string::npos);
}

TEST(Family, LeavesLabelsOutAndMendsUtf8) {
  FamilySet set;
  Family& family = set.Get("x", "X.", MetricType::kGauge, {"a", "b"});
  set.Begin();
  family.Set({kNoLabel, std::string_view("\xC3\xA9\x80\0\x81z", 6)}, 1);
  family.Set({kNoLabel, kNoLabel}, 2);
  const std::string text = Render(set);
  EXPECT_NE(text.find("x{b=\"\u00E9\uFFFDz\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("x 2\n"), std::string::npos) << text;
}

// Some are made of what stands in files of the kernel.
TEST(Family, NamesAndHelpAreWellFormed) {
  FamilySet set;
  for (int i = 0; i < 2; ++i)
    set.Get("x_\xC3(\n{\"} 1", "Of \xC3(.", MetricType::kGauge, {"a"}).Set({"b"}, i);
  EXPECT_EQ(Render(set),
            "# HELP x________1 Of \uFFFD(.\n# TYPE x________1 gauge\nx________1{a=\"b\"} 0\n");
  EXPECT_EQ(set.families().size(), 1u);
}

TEST(Family, SeriesByTextAndClear) {
  FamilySet set;
  Merger merger;
  set.Get("h", "H.", MetricType::kHistogram).SetSeries("h_sum", 3);
  std::string out;
  merger.Render({&set}, out);
  EXPECT_EQ(out, "# HELP h H.\n# TYPE h histogram\nh_sum 3\n");
  set.Clear();
  set.Get("g", "G.", MetricType::kGauge).Set(1);
  out.clear();
  merger.Render({&set}, out);
  EXPECT_EQ(out, "# HELP g G.\n# TYPE g gauge\ng 1\n");
}

TEST(Merger, TakesMemoryForAPageOnce) {
  FamilySet set;
  Family& family = set.Get("a_total", "a\\b", MetricType::kCounter, {"x"});
  Merger merger;
  for (const Format format : {Format::kText, Format::kOpenMetrics}) {
    set.Begin();
    for (int i = 0; i < 1000; ++i) family.Set({std::to_string(i)}, i);
    std::string page;
    merger.Render({&set}, format, page);
    EXPECT_GE(page.size(), 1000 * std::string_view("a_total{x=\"1\"} 1\n").size());
    EXPECT_LE(page.capacity(), page.size() + page.size() / 8);
  }
}

}  // namespace
}  // namespace slurmscope::agent
