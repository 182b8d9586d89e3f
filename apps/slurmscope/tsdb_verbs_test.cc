#include "tsdb_verbs.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/bytes.h"
#include "base/file.h"
#include "base/strings.h"
#include "tsdb_text.h"

namespace slurmscope::app {
namespace {

using base::StrCat;
using Strings = std::vector<std::string>;

const std::string kPromtool = std::string(SLURMSCOPE_SOURCE_DIR) + "/build/peers/usr/bin/promtool";

#define SKIP_WITHOUT_PROMTOOL()                                                  \
  if (::access(kPromtool.c_str(), X_OK) != 0) {                                  \
    GTEST_SKIP() << "no " << kPromtool << " (unpack Debian's prometheus there)"; \
  }

class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "verbs_test.XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(std::string_view name) const { return StrCat(path_, "/", name); }

 private:
  std::string path_;
};

struct Outcome {
  int code = 0;
  std::string out;
  std::string errors;
};

Outcome RunVerb(const Strings& args) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.code = RunTsdb(args);
  std::fflush(stdout);
  outcome.errors = testing::internal::GetCapturedStderr();
  outcome.out = testing::internal::GetCapturedStdout();
  return outcome;
}

std::string Good(const Strings& args) {
  Outcome outcome = RunVerb(args);
  EXPECT_EQ(outcome.code, 0) << outcome.errors;
  EXPECT_EQ(outcome.errors, "");
  return outcome.out;
}

std::string Promtool(const TestDirectory& directory, const Strings& args) {
  std::string command = kPromtool + " tsdb";
  for (const std::string& arg : args) command += " '" + arg + "'";
  int rc =
      std::system(StrCat(command, " > ", directory / "out", " 2> ", directory / "err").c_str());
  EXPECT_EQ(rc, 0) << command << ": " << *base::ReadFile(directory / "err");
  return *base::ReadFile(directory / "out");
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

Strings SortedLines(const std::string& text) {
  Strings lines;
  for (std::string_view line : base::Split(text, '\n')) lines.emplace_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Nine hours of 12 series at 15 s, by series; names, values and escapes of all kinds.
std::string SampleText() {
  std::mt19937_64 random(11);
  std::string text = "# HELP m_total What it\\nis.\n# TYPE m counter\n";
  for (int i = 0; i < 12; ++i) {
    std::string series =
        StrCat("m_total{a=\"", i % 3, "\",i=\"", i, "\",odd=\"q\\\"b\\\\s\\nn\u00e9 {}\"}");
    for (int64_t t = 1'700'000'000; t < 1'700'032'400; t += 15) {
      int64_t ms = (t % 1000) * 7 % 1000;
      std::string value = i % 4 == 0   ? StrCat(t)
                          : i % 4 == 1 ? StrCat(random() % 1000, ".", random() % 4 * 25)
                          : i % 4 == 2 ? StrCat(t % 900 < 450 ? "NaN" : "1e-7")
                                       : StrCat("-", random() % 1000, ".125");
      base::StrAppend(text, series, " ", value, " ", t, ".", std::to_string(1000 + ms).substr(1),
                      "\n");
    }
  }
  return text + "# EOF\n";
}

// The blocks by promtool and by us of the same text.
struct Pair {
  Pair() {
    WriteFile(directory / "in.om", SampleText());
    Promtool(directory, {"create-blocks-from", "openmetrics", "-q", directory / "in.om", theirs});
    EXPECT_EQ(Good({"create-blocks-from", "openmetrics", "-q", directory / "in.om", ours}), "");
    for (const std::string& path : {theirs, ours}) {
      std::filesystem::create_directories(path + "/wal");  // or promtool will not start
    }
  }
  TestDirectory directory;
  std::string theirs = directory / "theirs";
  std::string ours = directory / "ours";
};

// The chunks of all blocks in order. Go's bit stream leaves an empty byte behind a chunk whose bits
// end with a byte, which ours does not; it is taken off.
Strings Chunks(const std::string& path) {
  Strings blocks;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (std::filesystem::exists(entry.path() / "chunks/000001")) blocks.push_back(entry.path());
  }
  std::sort(blocks.begin(), blocks.end());
  Strings chunks;
  for (const std::string& block : blocks) {
    std::string file = *base::ReadFile(block + "/chunks/000001");
    base::ByteReader reader(std::string_view(file).substr(8));
    while (!reader.empty()) {
      uint64_t length = reader.Uvarint();
      std::string chunk(reader.Bytes(length + 1));
      reader.U32Be();
      chunk.resize(chunk.find_last_not_of('\0') + 1);
      chunks.push_back(chunk);
    }
  }
  return chunks;
}

TEST(TsdbVerbs, CreateBlocksAsPromtoolDoes) {
  SKIP_WITHOUT_PROMTOOL();
  Pair pair;
  Strings theirs = Chunks(pair.theirs);
  EXPECT_EQ(theirs.size(), 216u);
  EXPECT_TRUE(Chunks(pair.ours) == theirs);
  EXPECT_EQ(Promtool(pair.directory, {"dump", pair.ours}),
            Promtool(pair.directory, {"dump", pair.theirs}));
}

TEST(TsdbVerbs, ListAndDumpPrintWhatPromtoolPrints) {
  SKIP_WITHOUT_PROMTOOL();
  Pair pair;
  for (const Strings& args : std::vector<Strings>{
           {"list", pair.theirs},
           {"list", "-r", pair.theirs},
           {"dump", pair.theirs},
           {"dump", pair.theirs, "--match=m_total{i=~\"1|7\"}"},
           {"dump", "--match={__name__=~\".*\"}", pair.theirs},
           {"dump", "--min-time=1700010000000", "--max-time=1700020000000", pair.theirs}}) {
    std::string theirs = Promtool(pair.directory, args);
    EXPECT_GT(theirs.size(), 100u);
    EXPECT_TRUE(Good(args) == theirs) << base::Join(args, " ");
  }
}

// But for one word that Prometheus 3 added, and the order of equal counts, which is random there.
TEST(TsdbVerbs, AnalyzePrintsWhatPromtoolPrints) {
  SKIP_WITHOUT_PROMTOOL();
  Pair pair;
  for (const Strings& args :
       std::vector<Strings>{{"analyze", pair.theirs}, {"analyze", "--limit=100", pair.theirs}}) {
    std::string ours = Good(args);
    size_t total = ours.find("Total Series: ");
    ASSERT_NE(total, std::string::npos);
    ours.erase(total, 6);
    std::string theirs = Promtool(pair.directory, args);
    EXPECT_EQ(SortedLines(ours), SortedLines(theirs));
  }
  std::string extended = Good({"analyze", "--extended", "--match={a=\"1\"}", pair.ours});
  EXPECT_NE(extended.find("Matched series: 4\n"), std::string::npos) << extended;
  EXPECT_NE(extended.find("samples per float chunk (min/avg/max): "), std::string::npos);
  std::string list = Good({"list", pair.ours});
  std::string last = list.substr(list.rfind('\n', list.size() - 2) + 1, 26);
  EXPECT_EQ(Good({"analyze", pair.ours, last}), Good({"analyze", pair.ours}));
  Outcome none = RunVerb({"analyze", pair.ours, "01ARZ3NDEKTSV4RRFFQ69G5FAV"});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.errors.find("there is no block 01ARZ3"), std::string::npos);
}

TEST(TsdbVerbs, DumpedOpenMetricsIsReadAgain) {
  TestDirectory directory;
  WriteFile(directory / "in.om", SampleText());
  Good({"create-blocks-from", "openmetrics", "-q", directory / "in.om", directory / "a"});
  std::string text = Good({"dump-openmetrics", directory / "a"});
  EXPECT_NE(text.find("m_total{a=\"0\",i=\"0\",odd=\"q\\\"b\\\\s\\nn\u00e9 {}\"} 1.7e+09 "
                      "1700000000.000\n"),
            std::string::npos)
      << text.substr(0, 300);
  WriteFile(directory / "again.om", text);
  std::string rows = Good({"create-blocks-from", "openmetrics", "--max-block-duration=24h",
                           directory / "again.om", directory / "b"});
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 3) << rows;  // 18 h each, and the header
  EXPECT_EQ(Good({"dump", directory / "b"}), Good({"dump", directory / "a"}));
  EXPECT_NE(Good({"verify", directory / "b"}).find("25920 samples in blocks"), std::string::npos);
}

TEST(TsdbVerbs, DumpUnitesSelectorsAndShowsSeriesAsJson) {
  TestDirectory directory;
  WriteFile(directory / "in.om", "b{x=\"1\"} 1 1\na 2 1\n{\"c.d\",\"e f\"=\"\\\"\"} 3 1\n# EOF\n");
  Good({"create-blocks-from", "openmetrics", "-q", directory / "in.om", directory / "d",
        "--label=site=north", "--label=x=2"});
  EXPECT_EQ(
      Good({"dump", "--match=a", "--match={site=\"north\",__name__!=\"b\"}", directory / "d"}),
      "{__name__=\"a\", site=\"north\", x=\"2\"} 2 1000\n"
      "{__name__=\"c.d\", \"e f\"=\"\\\"\", site=\"north\", x=\"2\"} 3 1000\n");
  EXPECT_EQ(Good({"dump", "--format=seriesjson", "--match=b", directory / "d"}),
            "{\"__name__\":\"b\",\"site\":\"north\",\"x\":\"2\"}\n");
  EXPECT_EQ(Good({"dump-openmetrics", "--match={\"c.d\"}", directory / "d"}),
            "{\"c.d\",\"e f\"=\"\\\"\",site=\"north\",x=\"2\"} 3 1.000\n# EOF\n");
}

TEST(TsdbVerbs, MistakesAreNamed) {
  TestDirectory directory;
  WriteFile(directory / "no_time.om", "# TYPE a gauge\na 1\n# EOF\n");
  WriteFile(directory / "cut.om", "a 1 1\na 2 2");
  WriteFile(directory / "twice.om", "a 1 1\na 2 1\n# EOF\n");
  auto import = [&](const std::string& file) {
    return RunVerb({"create-blocks-from", "openmetrics", directory / file, directory / "data"});
  };
  struct Case {
    Outcome outcome;
    std::string error;
  };
  for (const Case& c : {
           Case{import("no_time.om"), "no_time.om: line 2: the sample has no timestamp"},
           Case{import("cut.om"), "cut.om: line 2, column 1: the last line has no end"},
           Case{import("twice.om"), "a has two values at 1000 ms"},
           Case{import("none.om"), "none.om: No such file"},
           Case{RunVerb({"create-blocks-from", "rules", "x.yml"}), "recording rules cannot be"},
           Case{RunVerb({"create-blocks-from", "csv"}), "the only source is openmetrics"},
           Case{RunVerb({"create-blocks-from", "openmetrics"}), "input is required"},
           Case{RunVerb({"create-blocks-from", "openmetrics", "--label=x", "f"}), "name=value"},
           Case{RunVerb({"create-blocks-from", "openmetrics", "--max-block-duration=x", "f"}),
                "is no duration"},
           Case{RunVerb({"list", directory / "nothing"}), "no such directory"},
           Case{RunVerb({"dump", "--match={", directory / ""}), "--match: "},
           Case{RunVerb({"lst"}), "did you mean \"list\"?"},
           Case{RunVerb({"list", "--wrong"}), "--wrong"},
           Case{RunVerb({}), "Usage: slurmscope tsdb VERB"},
       }) {
    EXPECT_EQ(c.outcome.code, 1);
    EXPECT_EQ(c.outcome.out, "");
    EXPECT_NE(c.outcome.errors.find(c.error), std::string::npos) << c.outcome.errors;
  }
  EXPECT_FALSE(std::filesystem::exists(directory / "data"));
  for (std::string verb :
       {"list", "analyze", "dump", "dump-openmetrics", "create-blocks-from", "verify"}) {
    EXPECT_NE(Good({verb, "--help"}).find("Usage: slurmscope tsdb " + verb), std::string::npos);
  }
}

TEST(TsdbVerbs, VerifyNamesTheFaultAndFails) {
  TestDirectory directory;
  WriteFile(directory / "in.om", "a 1 1\n# EOF\n");
  Good({"create-blocks-from", "openmetrics", "-q", directory / "in.om", directory / "data"});
  EXPECT_EQ(Good({"verify", "-q", directory / "data"}), "");
  std::string path;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "data")) {
    if (entry.path().filename() == "000001") path = entry.path();
  }
  std::string bytes = *base::ReadFile(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  WriteFile(path, bytes);
  Outcome outcome = RunVerb({"verify", "-q", directory / "data"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.out.find("fault: " + path + ": at 8, chunk 0 of a: chunk does not match its"),
            std::string::npos)
      << outcome.out;
  EXPECT_EQ(RunVerb({"verify", directory / "nothing"}).code, 2);
}

TEST(TsdbText, GoSpellings) {
  EXPECT_EQ(GoDuration(0), "0s");
  EXPECT_EQ(GoDuration(1), "1ms");
  EXPECT_EQ(GoDuration(60'990), "1m0.99s");
  EXPECT_EQ(GoDuration(7'200'000), "2h0m0s");
  EXPECT_EQ(GoDuration(-1'500), "-1.5s");
  EXPECT_EQ(GoTime(1'565'133'713'989), "2019-08-06 23:21:53 +0000 UTC");
  EXPECT_EQ(Base2Bytes(0), "0B");
  EXPECT_EQ(Base2Bytes(1024), "1KiB");
  EXPECT_EQ(Base2Bytes(1'428'966), "1MiB371KiB486B");
  EXPECT_EQ(AlignColumns({{"a", "b"}, {"twelve bytes", "c"}}),
            "a             b\ntwelve bytes  c\n");
}

}  // namespace
}  // namespace slurmscope::app
