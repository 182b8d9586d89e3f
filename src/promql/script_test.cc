#include "promql/script.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "promql/script_at.h"

namespace slurmscope::promql {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<fs::path> ScriptsIn(const fs::path& folder) {
  std::vector<fs::path> paths;
  if (!fs::exists(folder)) return paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Our own scripts, in the behaviour a server has by default (names go at once) and as `test promql`
// runs them.
class OwnScripts : public testing::TestWithParam<bool> {};

TEST_P(OwnScripts, Pass) {
  std::vector<fs::path> paths = ScriptsIn(fs::path(SLURMSCOPE_SOURCE_DIR) / "test/promql");
  ASSERT_GE(paths.size(), 10u);
  for (const fs::path& path : paths) {
    ScriptOptions options;
    options.delayed_name_removal = GetParam();
    options.on_failure = [](const std::string& text) { ADD_FAILURE() << text; };
    ScriptReport report = RunScript(ReadAll(path), path.filename().string(), options);
    EXPECT_EQ(report.error, "");
    EXPECT_GT(report.passed, 0) << path;
    EXPECT_EQ(report.failed, 0) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(DelayedNameRemoval, OwnScripts, testing::Bool());

// The scripts of Prometheus 3.14, where they lie beside the repository. The floor is what the
// engine reaches.
TEST(Script, SharedScriptsPassAsFarAsTheyDid) {
  const std::map<std::string, int> kFloor = {
      {"aggregators.test", 160},
      {"duration_expression.test", 59},
      {"extended_vectors.test", 169},
      {"fill-modifier.test", 46},
      {"functions.test", 431},
      {"histograms.test", 185},
      {"info.test", 53},
      {"limit.test", 37},
      {"literals.test", 25},
      {"name_label_dropping.test", 30},
      {"native_histograms.test", 522},
      {"selectors.test", 31},
      {"start_timestamps.test", 26},
      {"type_and_unit.test", 58},
  };
  std::vector<fs::path> paths =
      ScriptsIn(fs::path(SLURMSCOPE_SOURCE_DIR) / "../shared/conformance/promqltest");
  if (paths.empty()) GTEST_SKIP() << "no shared scripts here";
  const char* verbose = std::getenv("SLURMSCOPE_SCRIPT_FAILURES");
  for (const fs::path& path : paths) {
    ScriptOptions options;
    if (verbose != nullptr)
      options.on_failure = [](const std::string& text) { std::puts(text.c_str()); };
    std::string name = path.filename().string();
    ScriptReport report = RunScript(ReadAll(path), name, options);
    std::printf("%-28s %4d / %4d %s\n", name.c_str(), report.passed, report.total(),
                report.error.c_str());
    EXPECT_EQ(report.error, "");
    auto floor = kFloor.find(name);
    EXPECT_GE(report.passed, floor == kFloor.end() ? 0 : floor->second) << name;
  }
}

TEST(Script, TellsWhatDiffers) {
  std::string seen;
  ScriptOptions options;
  options.on_failure = [&](const std::string& text) { seen += text; };
  ScriptReport report =
      RunScript("load 1m\n  x 1 2 3\n\neval instant at 1m x\n  x 5\n", "s", options);
  EXPECT_EQ(report.failed, 1);
  EXPECT_EQ(report.passed, 0);
  EXPECT_EQ(seen, "s:4: x: x: got 2@60000, wanted 5@60000");
}

TEST(Script, SwitchesWhenNamesGo) {
  constexpr std::string_view kText = R"(load 1m
  a_total 1 2 _ _ _ _
  b_total _ _ _ _ 4 5

delayed_name_removal off

eval range from 1m to 5m step 4m rate({__name__=~"a_total|b_total"}[2m])
  expect fail msg: vector cannot contain metrics with the same labelset

delayed_name_removal on
eval range from 1m to 5m step 4m rate({__name__=~"a_total|b_total"}[2m])
  {} 0.016666666666666666 0.016666666666666666
)";
  for (bool delayed : {false, true}) {
    ScriptOptions options;
    options.delayed_name_removal = delayed;
    options.on_failure = [](const std::string& text) { ADD_FAILURE() << text; };
    ScriptReport report = RunScript(kText, "s", options);
    EXPECT_EQ(report.error, "");
    EXPECT_EQ(report.passed, 2);
  }
  EXPECT_EQ(RunScript("delayed_name_removal maybe\n", "s", {}).error,
            "s: line 1: expected on or off, got maybe");
}

TEST(Script, KnowsOnlyThePartsOfTheLanguageThatAreOn) {
  constexpr std::string_view kText = "eval instant at 0 mad_over_time(x[5m])\n";
  EXPECT_EQ(RunScript(kText, "s", {}).failed, 0);
  ScriptOptions plain;
  plain.parser = {};
  EXPECT_EQ(RunScript(kText, "s", plain).failed, 1);
}

TEST(Script, FixesQueriesAtATime) {
  auto fixed = [](std::string_view query) { return FixedAt(query, 60'000, ParserOptions{}); };
  EXPECT_EQ(fixed("x + rate(y[5m] offset 1m)"), "x @ 60.000 + rate(y[5m] @ 60.000 offset 1m)");
  EXPECT_EQ(fixed("sum_over_time(x[5m:1m])"), "sum_over_time(x[5m:1m] @ 60.000)");
  EXPECT_EQ(fixed("x @ 5"), "x @ 5.000");
  EXPECT_EQ(fixed("x > time()"), "");
  EXPECT_EQ(fixed("x @ end()"), "");
}

TEST(Script, ComparesHistograms) {
  constexpr std::string_view kLoad = "load 1m\n  x {{count:1 sum:2 buckets:[1]}}\n\n";
  auto failures = [&](std::string_view expected) {
    return RunScript(base::StrCat(kLoad, "eval instant at 0 x\n  x ", expected, "\n"), "s", {})
        .failed;
  };
  EXPECT_EQ(failures("{{count:1 sum:2 buckets:[1]}}"), 0);
  EXPECT_EQ(failures("{{count:1 sum:2 buckets:[1 0]}}"), 0);
  EXPECT_EQ(failures("{{count:1 sum:2 buckets:[1] offset:1}}"), 1);
  EXPECT_EQ(failures("{{count:1 sum:2 buckets:[1] counter_reset_hint:gauge}}"), 1);
  EXPECT_EQ(failures("{{schema:1 count:1 sum:2 buckets:[1]}}"), 1);
  EXPECT_EQ(failures("1"), 1);
}

TEST(Script, RefusesWhatItCannotRead) {
  EXPECT_EQ(RunScript("load 1m\n  x 1\n\nfly\n", "s", {}).error, "s: line 4: unknown command fly");
  EXPECT_NE(RunScript("load 1m\n  x{a=\"b} 1\n", "s", {}).error, "");
  EXPECT_NE(RunScript("load 1m\n  x 1x99999999999\n", "s", {}).error, "");
  EXPECT_NE(RunScript("eval instant at noon x\n", "s", {}).error, "");
}

}  // namespace
}  // namespace slurmscope::promql
