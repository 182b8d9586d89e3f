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

}  // namespace
}  // namespace slurmscope::agent
