// Every expression of the shared conformance scripts and dashboards, where the checkout has them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "promql/literals.h"
#include "promql/parser.h"

namespace slurmscope::promql {
namespace {

namespace fs = std::filesystem;

ParserOptions AllOn() {
  ParserOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.fill_modifiers = true;
  return options;
}

std::vector<std::string> FilesIn(const char* folder, std::string_view extension) {
  std::vector<std::string> files;
  fs::path path = fs::path(SLURMSCOPE_SOURCE_DIR) / ".." / "shared" / folder;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (entry.path().extension() == extension) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// "eval instant at 5m EXPR" and "eval range from A to B step S EXPR": what follows that many words.
std::string_view AfterWords(std::string_view line, int words) {
  for (int i = 0; i < words; ++i) {
    line = base::TrimSpace(line.substr(std::min(line.find_first_of(" \t"), line.size())));
  }
  return line;
}

std::vector<std::string> ScriptExpressions() {
  std::vector<std::string> all;
  for (const std::string& file : FilesIn("conformance/promqltest", ".test")) {
    std::string text = *base::ReadFile(file);
    for (std::string_view line : base::Split(text, '\n')) {
      line = base::TrimSpace(line);
      if (!line.starts_with("eval")) continue;  // or eval_fail
      bool instant = AfterWords(line, 1).starts_with("instant");
      all.emplace_back(AfterWords(line, instant ? 4 : 8));
    }
  }
  return all;
}

void ReplaceAll(std::string* text, std::string_view from, std::string_view to) {
  for (size_t at = text->find(from); at != std::string::npos;
       at = text->find(from, at + to.size())) {
    text->replace(at, from.size(), to);
  }
}

// With the durations that Grafana fills in.
std::vector<std::string> DashboardExpressions() {
  constexpr std::string_view kKey = "\"expr\": \"";
  std::vector<std::string> all;
  for (const std::string& file : FilesIn("dashboards", ".json")) {
    std::string text = *base::ReadFile(file);
    for (size_t at = text.find(kKey); at != std::string::npos; at = text.find(kKey, at + 1)) {
      size_t begin = at + kKey.size() - 1;
      size_t end = begin + 1;
      while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      std::string expr = Unquote(std::string_view(text).substr(begin, end + 1 - begin));
      for (std::string_view name : {"$__rate_interval", "$__interval", "$__range", "$interval"}) {
        ReplaceAll(&expr, name, "5m");
      }
      if (!base::TrimSpace(expr).empty()) all.push_back(std::move(expr));
    }
  }
  return all;
}

void ExpectRoundTrip(const std::string& text) {
  Result<ExprPtr> expr = ParseExpr(text, AllOn());
  ASSERT_TRUE(expr) << text << "\n" << expr.error().message();
  std::string printed = ToString(**expr);
  Result<ExprPtr> again = ParseExpr(printed, AllOn());
  ASSERT_TRUE(again) << text << "\n" << printed << "\n" << again.error().message();
  EXPECT_EQ(ToString(**again), printed) << text;
}

TEST(SharedScriptsTest, AllParseAndPrint) {
  std::vector<std::string> all = ScriptExpressions();
  if (all.empty()) GTEST_SKIP() << "no shared scripts here";
  for (const std::string& text : all) ExpectRoundTrip(text);
  RecordProperty("expressions", static_cast<int>(all.size()));
}

TEST(SharedScriptsTest, DashboardsParseAndPrint) {
  std::vector<std::string> all = DashboardExpressions();
  if (all.empty()) GTEST_SKIP() << "no shared dashboards here";
  for (const std::string& text : all) ExpectRoundTrip(text);
  RecordProperty("expressions", static_cast<int>(all.size()));
}

}  // namespace
}  // namespace slurmscope::promql
