#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::Labels;

const std::string kPeers = std::string(SLURMSCOPE_SOURCE_DIR) + "/build/peers/usr/bin/";

#define SKIP_WITHOUT(program)                                                              \
  if (::access((kPeers + (program)).c_str(), X_OK) != 0) {                                 \
    GTEST_SKIP() << "no " << kPeers << (program) << " (unpack Debian's prometheus there)"; \
  }

// {__name__="up", job="x"} as promtool prints label sets.
std::string PromtoolLabels(const Labels& labels) {
  std::string out;
  for (model::Label label : labels) {
    if (!out.empty()) out += ", ";
    base::StrAppend(out, label.name, "=", base::Quote(label.value));
  }
  return StrCat("{", out, "}");
}

std::string Line(const std::string& labels, double v, int64_t t) {
  std::string value = std::isnan(v) ? "NaN" : base::FormatFloat(v, base::FloatStyle::kExposition);
  return StrCat(labels, " ", value, " ", t);
}

std::set<std::string> OurDump(Db& db) {
  std::set<std::string> lines;
  auto querier = *db.NewQuerier(kMinTime, kMaxTime);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = kMaxTime;
  auto set = *querier->Select(false, hints, {});
  for (size_t i = 0; i < set->size(); ++i) {
    std::string labels = PromtoolLabels(set->LabelsAt(i));
    model::Columns columns;
    EXPECT_TRUE(set->Decode(i, kMinTime, kMaxTime, &columns));
    for (size_t k = 0; k < columns.size(); ++k) {
      lines.insert(Line(labels, columns.v[k], columns.t[k]));
    }
  }
  return lines;
}

// What promtool reads from a copy of the directory, with the numbers in our spelling.
std::set<std::string> PromtoolDump(const std::string& path) {
  TestDirectory copy;
  std::filesystem::copy(path, copy.path() + "/data", std::filesystem::copy_options::recursive);
  std::string command = StrCat(kPeers, "promtool tsdb dump ", copy.path(), "/data > ", copy.path(),
                               "/dump 2> ", copy.path(), "/errors");
  EXPECT_EQ(std::system(command.c_str()), 0) << *base::ReadFile(copy.path() + "/errors");
  std::set<std::string> lines;
  std::ifstream dump(copy.path() + "/dump");
  for (std::string line; std::getline(dump, line);) {
    size_t t_space = line.rfind(' ');
    size_t v_space = line.rfind(' ', t_space - 1);
    auto v = base::ParseFloat(line.substr(v_space + 1, t_space - v_space - 1));
    auto t = base::ParseInt<int64_t>(line.substr(t_space + 1));
    EXPECT_TRUE(v && t) << line;
    if (v && t) lines.insert(Line(line.substr(0, v_space), *v, *t));
  }
  return lines;
}

void ExpectSame(const std::set<std::string>& ours, const std::set<std::string>& theirs) {
  EXPECT_EQ(ours.size(), theirs.size());
  int shown = 0;
  for (const std::string& line : ours) {
    if (!theirs.count(line) && ++shown < 5) ADD_FAILURE() << "only ours: " << line;
  }
  for (const std::string& line : theirs) {
    if (!ours.count(line) && ++shown < 10) ADD_FAILURE() << "only promtool: " << line;
  }
}

TEST(Interop, PromtoolReadsOurLog) {
  SKIP_WITHOUT("promtool");
  TestDirectory directory;
  std::vector<Labels> series;
  for (int i = 0; i < 40; ++i) {
    series.push_back(
        Labels{{"__name__", "m"}, {"i", StrCat(i)}, {"odd", "a\"\\\n\t\u00e9\u4e16 {}"}});
  }
  std::set<std::string> ours;
  for (int start = 0; start < 2; ++start) {
    auto db = OpenDb(directory.path(), 64 << 10);
    std::mt19937_64 random(static_cast<unsigned>(start));
    for (int round = 0; round < 300; ++round) {
      auto appender = db->NewAppender();
      for (size_t i = 0; i < series.size(); ++i) {
        double v = static_cast<double>(random() % 1'000'000) / (i % 2 == 0 ? 1 : 7);
        if (round % 100 == 99) v = model::StaleNan();
        int64_t t = 1'700'000'000'000 + (start * 300 + round) * 15'000 + static_cast<int64_t>(i);
        EXPECT_EQ(appender->Append(0, series[i], t, v).status, model::AppendStatus::kOk);
      }
      ASSERT_TRUE(appender->Commit());
    }
    ASSERT_GE(db->head_stats().wal_segment, 1u);
    ours = OurDump(*db);
  }
  EXPECT_EQ(ours.size(), 2 * 300 * series.size());
  ExpectSame(ours, PromtoolDump(directory.path()));
}

TEST(Interop, WeReadTheLogOfAKilledPrometheus) {
  SKIP_WITHOUT("prometheus");
  SKIP_WITHOUT("promtool");
  TestDirectory directory;
  std::string address = StrCat("127.0.0.1:", 20'000 + ::getpid() % 20'000);
  std::string config = directory.path() + "/prometheus.yml";
  std::ofstream(config) << "global: {scrape_interval: 1s}\nscrape_configs:\n"
                        << "- {job_name: self, static_configs: [{targets: ['" << address
                        << "']}]}\n";
  std::string data = directory.path() + "/data";
  pid_t child = ::fork();
  if (child == 0) {
    std::string program = kPeers + "prometheus";
    ::execl(program.c_str(), program.c_str(), ("--config.file=" + config).c_str(),
            ("--storage.tsdb.path=" + data).c_str(), ("--web.listen-address=" + address).c_str(),
            "--log.level=error", nullptr);
    ::_exit(127);
  }
  std::this_thread::sleep_for(std::chrono::seconds(12));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  std::set<std::string> theirs = PromtoolDump(data);
  EXPECT_GT(theirs.size(), 500u);  // one scrape at least, on however slow a machine
  {
    auto db = OpenDb(data);
    ASSERT_TRUE(db);
    EXPECT_EQ(db->replay().corruption, "");
    EXPECT_EQ(db->replay().unknown_series_samples, 0u);
    ExpectSame(OurDump(*db), theirs);
    Labels more{{"__name__", "added_by_us"}};
    EXPECT_EQ(AppendOne(*db, more, db->head_stats().max_time, 1), model::AppendStatus::kOk);
    theirs = OurDump(*db);
  }
  ExpectSame(theirs, PromtoolDump(data));
}

}  // namespace
}  // namespace slurmscope::tsdb
