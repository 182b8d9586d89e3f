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
#include "tsdb/interop_support.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::Labels;

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
  std::filesystem::create_directories(copy.path() + "/data/wal");  // or promtool will not start
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
  std::string address = StrCat("127.0.0.1:", FreePort());
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

// Seven hours of 30 series, of which most are moved into blocks.
std::unique_ptr<Db> FillBlocks(const std::string& path, std::set<std::string>* samples) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  auto db = std::move(*Db::Open(options));
  std::mt19937_64 random(7);
  int64_t start = 1'700'006'400'000;
  for (int64_t t = start; t < start + 7 * 3'600'000; t += 30'000) {
    auto appender = db->NewAppender();
    for (int i = 0; i < 30; ++i) {
      Labels labels{{"__name__", "m"}, {"i", StrCat(i)}, {"odd", "a\"\\\n\u00e9 {}"}};
      double v = i % 2 == 0 ? static_cast<double>(t) : static_cast<double>(random() % 1000) / 7;
      EXPECT_EQ(appender->Append(0, labels, t, v).status, model::AppendStatus::kOk);
    }
    EXPECT_TRUE(appender->Commit());
  }
  EXPECT_TRUE(db->Compact());
  EXPECT_EQ(db->storage_stats().blocks, 2u);
  *samples = OurDump(*db);
  return db;
}

TEST(Interop, PromtoolReadsOurBlocks) {
  SKIP_WITHOUT("promtool");
  TestDirectory directory;
  std::set<std::string> ours;
  auto db = FillBlocks(directory.path(), &ours);
  db.reset();
  EXPECT_EQ(ours.size(), 30u * 7 * 120);
  ExpectSame(ours, PromtoolDump(directory.path()));
  for (std::string verb : {"list", "analyze"}) {
    std::string out = directory.path() + "/" + verb + ".txt";
    std::string command = StrCat(kPeers, "promtool tsdb ", verb, " ", directory.path(), " > ", out);
    EXPECT_EQ(std::system(command.c_str()), 0) << verb;
    EXPECT_NE(base::ReadFile(out)->find(verb == "list" ? "3600" : "Series: 30"), std::string::npos)
        << *base::ReadFile(out);
  }
}

TEST(Interop, WeReadBlocksOfPromtool) {
  SKIP_WITHOUT("promtool");
  TestDirectory directory;
  std::ofstream input(directory.path() + "/in.om");
  input << "# TYPE m gauge\n";
  for (int i = 0; i < 5; ++i) {
    for (int64_t t = 1'700'000'000; t < 1'700'060'000; t += 60) {
      input << "m{i=\"" << i << "\",path=\"C:\\\\a\\nb\"} " << static_cast<double>(t % 997 * i) / 8
            << " " << t << "\n";
    }
  }
  input << "# EOF\n";
  input.close();
  std::string data = directory.path() + "/data";
  std::string command = StrCat(kPeers, "promtool tsdb create-blocks-from openmetrics ",
                               directory.path(), "/in.om ", data, " > /dev/null");
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::set<std::string> theirs = PromtoolDump(data);
  EXPECT_EQ(theirs.size(), 5u * 1000);
  auto db = OpenDb(data);
  ASSERT_TRUE(db);
  EXPECT_GE(db->storage_stats().blocks, 5u);
  EXPECT_TRUE(db->storage_stats().unreadable.empty());
  ExpectSame(OurDump(*db), theirs);
  // And once more when they are merged.
  ASSERT_TRUE(db->Compact());
  EXPECT_GE(db->storage_stats().compactions, 1u);
  ExpectSame(OurDump(*db), theirs);
  db.reset();
  ExpectSame(theirs, PromtoolDump(data));
}

// A stock Prometheus on a directory, killed at the end.
class Stock {
 public:
  Stock(const std::string& work, const std::string& data)
      : work_(work), address_(StrCat("127.0.0.1:", FreePort())) {
    std::string config = work + "/prometheus.yml";
    std::ofstream(config) << "global: {scrape_interval: 1h}\n";
    child_ = ::fork();
    if (child_ != 0) return;
    std::string program = kPeers + "prometheus";
    ::execl(program.c_str(), program.c_str(), ("--config.file=" + config).c_str(),
            ("--storage.tsdb.path=" + data).c_str(), "--storage.tsdb.retention.time=100y",
            "--web.enable-admin-api", ("--web.listen-address=" + address_).c_str(),
            "--log.level=error", nullptr);
    ::_exit(127);
  }
  ~Stock() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  // The answer to a request below /api/v1, once the server is up.
  std::string Ask(const std::string& target, const std::string& method = "GET") {
    std::string answer = work_ + "/answer";
    std::string command = StrCat(
        "curl -g -s --retry 30 --retry-delay 1 --retry-connrefused --retry-all-errors -f -X ",
        method, " 'http://", address_, "/api/v1/", target, "' > ", answer);
    EXPECT_EQ(std::system(command.c_str()), 0) << target;
    return *base::ReadFile(answer);
  }
  // The value of a query with one row, as text.
  std::string Value(const std::string& query, int64_t time) {
    std::string answer = Ask(StrCat("query?query=", query, "&time=", time));
    size_t end = answer.rfind("\"]");
    size_t begin = answer.rfind(",\"", end);
    if (end == std::string::npos || begin == std::string::npos) return answer;
    return answer.substr(begin + 2, end - begin - 2);
  }

 private:
  const std::string work_;
  const std::string address_;
  pid_t child_ = -1;
};

TEST(Interop, StockPrometheusServesOurBlocks) {
  SKIP_WITHOUT("prometheus");
  TestDirectory directory;
  std::set<std::string> ours;
  FillBlocks(directory.path() + "/data", &ours).reset();
  Stock stock(directory.path(), directory.path() + "/data");
  EXPECT_EQ(stock.Value("sum(count_over_time(m%5B8h%5D))", 1'700'006'400 + 7 * 3600),
            StrCat(ours.size()));
}

TEST(Interop, DeletionsAreReadBothWays) {
  SKIP_WITHOUT("prometheus");
  SKIP_WITHOUT("promtool");
  TestDirectory directory;
  std::string data = directory.path() + "/data";
  constexpr int64_t kBegin = 1'700'006'400;
  std::set<std::string> ours;
  auto db = FillBlocks(data, &ours);
  auto some = *model::Matcher::Make(model::MatchType::kRegexp, "i", "1.|3");
  auto one = *model::Matcher::Make(model::MatchType::kEqual, "i", "7");
  // In both blocks and the head; and a whole series.
  ASSERT_TRUE(db->Delete((kBegin + 3600) * 1000, (kBegin + 6 * 3600) * 1000, {some}));
  ASSERT_TRUE(db->Delete(kMinTime, kMaxTime, {one}));
  ours = OurDump(*db);
  EXPECT_EQ(ours.size(), 30u * 7 * 120 - 11 * (5 * 120 + 1) - 7 * 120);
  db.reset();
  ExpectSame(ours, PromtoolDump(data));
  std::string all = "sum(count_over_time(m%5B8h%5D))";
  {
    Stock stock(directory.path(), data);
    EXPECT_EQ(stock.Value(all, kBegin + 7 * 3600), StrCat(ours.size()));
    // Now they delete, and are killed.
    stock.Ask(StrCat("admin/tsdb/delete_series?match[]=m{i=~\"2.\"}&start=", kBegin + 3 * 3600,
                     "&end=", kBegin + 6 * 3600),
              "POST");
    EXPECT_EQ(stock.Value(all, kBegin + 7 * 3600), StrCat(ours.size() - 10 * (3 * 120 + 1)));
  }
  db = OpenDb(data);
  EXPECT_EQ(db->replay().corruption, "");
  std::set<std::string> left = OurDump(*db);
  EXPECT_EQ(left.size(), ours.size() - 10 * (3 * 120 + 1));
  // The files of blocks and log are read alike by promtool, which opens them like the server.
  ExpectSame(left, PromtoolDump(data));
  ASSERT_TRUE(db->CleanTombstones());
  EXPECT_EQ(OurDump(*db), left);
  db.reset();
  ExpectSame(left, PromtoolDump(data));
}

constexpr int64_t kHeadStart = 1'700'006'400'000;
constexpr int64_t kHeadStep = 5'000;

// `samples` of each of `count` series, of random bits, so that a chunk takes a kilobyte.
std::unique_ptr<Db> FillHead(const std::string& path, int count, int samples, int first = 0) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.chunk_write_interval_ms = 0;
  auto db = std::move(*Db::Open(options));
  std::mt19937_64 random(3);
  std::vector<model::SeriesRef> refs(static_cast<size_t>(count), 0);
  for (int k = first; k < first + samples; ++k) {
    auto appender = db->NewAppender();
    for (int i = 0; i < count; ++i) {
      Labels labels{{"__name__", "m"}, {"i", StrCat(i)}};
      double v = static_cast<double>(random()) / 3;
      auto result =
          appender->Append(refs[static_cast<size_t>(i)], labels, kHeadStart + k * kHeadStep, v);
      EXPECT_EQ(result.status, model::AppendStatus::kOk);
      refs[static_cast<size_t>(i)] = result.ref;
    }
    EXPECT_TRUE(appender->Commit());
  }
  return db;
}

TEST(Interop, PromtoolReadsOurHeadChunks) {
  SKIP_WITHOUT("promtool");
  TestDirectory directory;
  std::string data = directory.path() + "/data";
  auto db = FillHead(data, 20, 3);
  ASSERT_TRUE(db->Sync());
  std::filesystem::copy(data + "/wal", directory.path() + "/wal");
  db.reset();
  FillHead(data, 20, 1000, 3).reset();
  std::set<std::string> ours = OurDump(*OpenDb(data));
  EXPECT_EQ(ours.size(), 20u * 1003);
  ExpectSame(ours, PromtoolDump(data));
  // With the log of the beginning, the rest can only come from the chunks.
  std::filesystem::remove_all(data + "/wal");
  std::filesystem::copy(directory.path() + "/wal", data + "/wal");
  std::set<std::string> theirs = PromtoolDump(data);
  EXPECT_GT(theirs.size(), 20u * 900);
  ours = OurDump(*OpenDb(data));
  ExpectSame(ours, theirs);
}

TEST(Interop, HeadChunksOfAKilledPrometheus) {
  SKIP_WITHOUT("prometheus");
  TestDirectory directory;
  std::string data = directory.path() + "/data";
  constexpr int kCount = 500;
  constexpr int kSamples = 1400;
  Dump written = DumpDb(*FillHead(data, kCount, kSamples));
  // It makes the chunks anew, and dies with the last ones half written.
  std::filesystem::remove_all(data + "/chunks_head");
  std::string all = "sum(count_over_time(m%5B8h%5D))";
  int64_t end = kHeadStart / 1000 + 3 * 3600;
  {
    Stock stock(directory.path(), data);
    EXPECT_EQ(stock.Value(all, end), StrCat(kCount * kSamples));
  }
  EXPECT_GT(base::StampOf(data + "/chunks_head/000001").size, 1u << 20);
  {
    auto db = OpenDb(data);
    EXPECT_GT(db->replay().head_chunks, 1000u);
    EXPECT_GT(db->replay().samples_in_chunks, 120'000u);
    EXPECT_EQ(db->replay().head_chunk_damage, "");
    EXPECT_TRUE(DumpDb(*db) == written);
  }
  // And back to it, with its files and ours behind them.
  FillHead(data, kCount, 300, kSamples).reset();
  EXPECT_TRUE(std::filesystem::exists(data + "/chunks_head/000002"));
  Stock stock(directory.path(), data);
  EXPECT_EQ(stock.Value(all, end), StrCat(kCount * (kSamples + 300)));
  std::string answer = stock.Ask("status/tsdb");
  EXPECT_NE(answer.find(StrCat("\"numSeries\":", kCount)), std::string::npos) << answer;
}

}  // namespace
}  // namespace slurmscope::tsdb
