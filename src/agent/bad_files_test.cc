#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "agent/collector.h"
#include "agent/proc_file.h"
#include "agent/scraper_for_test.h"
#include "base/file.h"
#include "base/process_stats.h"
#include "base/strings.h"
#include "exposition/text_reader.h"

namespace slurmscope::agent {
namespace {

namespace fs = std::filesystem;

// A source that hangs for real: opening a FIFO waits for a writer.
TEST(Scraper, AFileThatHangsIsNamedAndCostsItsCollectorOnly) {
  const std::string root = testing::TempDir() + "fifo_root_" + std::to_string(::getpid());
  ASSERT_TRUE(base::MakeDirectories(root + "/proc").has_value());
  ASSERT_TRUE(base::WriteFileAtomic(root + "/proc/loadavg", "1 2 3 1/2 3\n").has_value());
  const std::string fifo = root + "/results.json";
  ::unlink(fifo.c_str());
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  FlagValues flags = Defaults();
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
  flags.Add("collector.qdisc", "true");
  flags.Add("collector.loadavg", "true");
  flags.Add("collector.qdisc.fixtures", root);
  Scraper::Options options = Quiet();
  options.crew = {std::chrono::milliseconds(10), std::chrono::milliseconds(50), 4};
  const auto scraper =
      Scraper::Create(TestMachine(root, base::SystemClock()), flags, options).value();
  const std::string stuck =
      base::StrCat("slurmscope_agent_collector_stuck{collector=\"qdisc\",path=\"", fifo, "\"} 1\n");
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const std::string page = ScrapeAll(*scraper);
    EXPECT_NE(page.find(stuck), std::string::npos) << page;
    EXPECT_NE(page.find("node_load1 1\n"), std::string::npos);
    EXPECT_NE(page.find("node_scrape_collector_success{collector=\"qdisc\"} 0\n"),
              std::string::npos);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  }
  const int writer = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  ::close(writer);
  ASSERT_TRUE(base::WriteFileAtomic(fifo, "[]\n").has_value());
  std::string page;
  for (int i = 0; i < 500; ++i) {
    page = ScrapeAll(*scraper);
    if (page.find("success{collector=\"qdisc\"} 1\n") != std::string::npos) break;
    ::usleep(10'000);
  }
  EXPECT_NE(page.find("node_scrape_collector_success{collector=\"qdisc\"} 1\n"), std::string::npos);
  EXPECT_EQ(page.find("collector_stuck"), std::string::npos);
}

// A machine on which nothing can be read, and all collectors there are.
TEST(Scraper, StartsWhereThereIsNothing) {
  FlagValues flags = Defaults();
  for (const CollectorSpec& spec : AllCollectors()) {
    if (spec.make != nullptr) flags.Add(base::StrCat("collector.", spec.name), "true");
  }
  auto scraper = Scraper::Create(TestMachine("/nonexistent", base::SystemClock()), flags, Quiet());
  ASSERT_TRUE(scraper.has_value()) << scraper.error().message();
  const std::string page = ScrapeAll(**scraper);
  EXPECT_NE(page.find("node_scrape_collector_success{collector=\"perf\"} 0\n"), std::string::npos);
  EXPECT_NE(page.find("node_uname_info{"), std::string::npos);
}

// Each file of /proc in turn is gone, unreadable as such, empty, cut off, full of NULs, huge: its
// collector may fail, the others go on.
TEST(Scraper, BadFilesCostTheirCollectorOnly) {
  const std::string root = testing::TempDir() + "bad_root_" + std::to_string(::getpid());
  ASSERT_TRUE(base::MakeDirectories(root + "/proc").has_value());
  const std::pair<const char*, const char*> sources[] = {{"cpu", "stat"},
                                                         {"meminfo", "meminfo"},
                                                         {"vmstat", "vmstat"},
                                                         {"diskstats", "diskstats"},
                                                         {"schedstat", "schedstat"},
                                                         {"buddyinfo", "buddyinfo"},
                                                         {"slabinfo", "slabinfo"},
                                                         {"zoneinfo", "zoneinfo"},
                                                         {"cgroups", "cgroups"},
                                                         {"softirqs", "softirqs"},
                                                         {"interrupts", "interrupts"}};
  FlagValues flags = Defaults();
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
  flags.Add("collector.loadavg", "true");
  for (const auto& [name, file] : sources) flags.Add(base::StrCat("collector.", name), "true");
  const auto scraper =
      Scraper::Create(TestMachine(root, base::SystemClock()), flags, Quiet()).value();
  ASSERT_TRUE(base::WriteFileAtomic(root + "/proc/loadavg", "1 2 3 1/2 3\n").has_value());
  for (const auto& [name, file] : sources) {
    const std::string path = base::StrCat(root, "/proc/", file);
    const std::string good =
        base::ReadFile(base::StrCat(kRoot, "/proc/", file)).value_or("cpu0 1 2 3 4\n");
    for (const std::string& bad :
         {std::string(), std::string(100'000, '\0'), good.substr(0, good.size() / 2) + "\xff",
          std::string(3 << 20, '9'), std::string(100'000, '\n'), good + std::string(7, '\0')}) {
      ASSERT_TRUE(base::WriteFileAtomic(path, bad).has_value());
      const std::string page = ScrapeAll(*scraper);
      EXPECT_NE(page.find("node_load1 1\n"), std::string::npos) << file;
      EXPECT_NE(page.find(base::StrCat("node_scrape_collector_success{collector=\"", name)),
                std::string::npos);
    }
    ::unlink(path.c_str());
    ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);  // opens, but cannot be read
    EXPECT_NE(ScrapeAll(*scraper).find(
                  base::StrCat("node_scrape_collector_success{collector=\"", name, "\"} 0\n")),
              std::string::npos)
        << file;
    ::rmdir(path.c_str());
  }
}

// Sanitizers keep what is freed.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(ProcFile, AHugeFileCostsNoMemoryAfterwards) {
  const std::string path = testing::TempDir() + "huge_" + std::to_string(::getpid());
  std::ofstream(path) << "1";
  fs::resize_file(path, 100 << 20);
  const uint64_t before = base::ReadProcessStats().resident_bytes;
  ProcFile file(path);
  const auto text = file.Read();
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().message(), path + ": too large");
  EXPECT_LT(base::ReadProcessStats().resident_bytes, before + (32 << 20));
  fs::remove(path);
}
#endif

// What is in /proc of a machine without disks, and flags that leave nothing, are no trouble.
TEST(Scraper, NothingToSayIsNotGarbage) {
  const std::string root = testing::TempDir() + "diskless_root_" + std::to_string(::getpid());
  ASSERT_TRUE(base::MakeDirectories(root + "/proc").has_value());
  const std::pair<const char*, const char*> files[] = {
      {"diskstats", "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"},
      {"vmstat", "nr_free_pages 1\n"},
      {"interrupts", "           CPU0\n  0:          1  IO-APIC  2-edge  timer\n"}};
  FlagValues flags = Defaults();
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
  flags.Add("collector.interrupts.name-include", "none");
  for (const auto& [name, text] : files) {
    ASSERT_TRUE(base::WriteFileAtomic(base::StrCat(root, "/proc/", name), text).has_value());
    flags.Add(base::StrCat("collector.", name), "true");
  }
  const auto scraper =
      Scraper::Create(TestMachine(root, base::SystemClock()), flags, Quiet()).value();
  std::string page = ScrapeAll(*scraper);
  EXPECT_EQ(page.find("} 0\n"), std::string::npos) << page;
  for (const auto& [name, text] : files) {
    ASSERT_TRUE(base::WriteFileAtomic(base::StrCat(root, "/proc/", name), "\n\n").has_value());
    page = ScrapeAll(*scraper);
    EXPECT_NE(page.find(base::StrCat("success{collector=\"", name, "\"} 0\n")), std::string::npos)
        << page;
  }
}

// Collectors whose tables always hold something, with files that hold nothing of the kind.
TEST(Scraper, GarbageIsNamed) {
  const std::string root = testing::TempDir() + "garbage_root_" + std::to_string(::getpid());
  ASSERT_TRUE(base::MakeDirectories(root + "/proc/net/rpc").has_value());
  const std::pair<const char*, const char*> files[] = {
      {"buddyinfo", "buddyinfo"}, {"cgroups", "cgroups"},     {"nfs", "net/rpc/nfs"},
      {"nfsd", "net/rpc/nfsd"},   {"schedstat", "schedstat"}, {"stat", "stat"},
      {"xfrm", "net/xfrm_stat"}};
  FlagValues flags = Defaults();
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
  for (const auto& [name, file] : files) {
    const std::string nuls(100, '\0');
    ASSERT_TRUE(base::WriteFileAtomic(base::StrCat(root, "/proc/", file), nuls).has_value());
    flags.Add(base::StrCat("collector.", name), "true");
  }
  const std::string page =
      ScrapeAll(*Scraper::Create(TestMachine(root, base::SystemClock()), flags, Quiet()).value());
  EXPECT_EQ(page.find("_success{collector=\"stat\"} 1"), std::string::npos) << page;
  EXPECT_EQ(page.find("} 1\n", page.find("# TYPE node_scrape_collector_success")),
            std::string::npos)
      << page;
}

// Reads a page as a scraper does, and more strictly: no series and no family is there twice.
void ExpectValid(const std::string& page, const std::string& what) {
  EXPECT_TRUE(base::IsValidUtf8(page)) << what;
  exposition::TextReader reader(page);
  std::set<std::string, std::less<>> families;
  std::set<model::Labels> series;
  for (;;) {
    const auto entry = reader.Next();
    ASSERT_TRUE(entry.has_value()) << what << ": " << entry.error().message();
    if (entry->kind == exposition::Entry::Kind::kEnd) return;
    if (entry->kind == exposition::Entry::Kind::kType) {
      EXPECT_TRUE(families.insert(std::string(entry->metric)).second) << what << entry->metric;
    }
    if (entry->kind != exposition::Entry::Kind::kSample) continue;
    auto labels = exposition::ParseSeries(entry->series);
    ASSERT_TRUE(labels.has_value()) << what << ": " << entry->series;
    EXPECT_TRUE(series.insert(*std::move(labels)).second) << what << ": " << entry->series;
  }
}

// All files of a machine, each made bad in the same way.
class BadMachine : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::copy(kRoot, root_, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      if (entry.is_regular_file() && !entry.is_symlink()) files_.push_back(entry.path());
    }
    FlagValues flags = Defaults();
    for (const CollectorSpec& spec : AllCollectors()) {
      if (spec.make != nullptr) flags.Add(base::StrCat("collector.", spec.name), "true");
    }
    for (const char* all : {"vmstat.fields", "netstat.fields", "cpu.info.flags-include"})
      flags.Add(base::StrCat("collector.", all), ".*");
    flags.Add("collector.bcache.priorityStats", "true");
    flags.Add("collector.netdev.netlink", "false");
    flags.Add("collector.textfile.directory", root_ + "/textfile");
    scraper_ = Scraper::Create(TestMachine(root_, clock_), flags, Quiet()).value();
    good_ = Families();
    ASSERT_GT(good_.size(), 400u);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string Page() {
    clock_.Advance(60'000);
    return ScrapeAll(*scraper_);
  }
  std::set<std::string> Families() {
    std::set<std::string> names;
    const std::string page = Page();
    exposition::TextReader reader(page);
    for (auto entry = reader.Next(); entry && entry->kind != exposition::Entry::Kind::kEnd;
         entry = reader.Next()) {
      if (entry->kind == exposition::Entry::Kind::kType) names.emplace(entry->metric);
    }
    return names;
  }

  // `spoil` gets a path at which there is nothing now, and what was there.
  void Try(const std::string& way,
           const std::function<void(const fs::path&, const std::string&)>& spoil) {
    std::vector<std::string> before;
    for (const fs::path& file : files_) {
      before.push_back(base::ReadFile(file).value());
      fs::remove(file);
      spoil(file, before.back());
    }
    for (int i = 0; i < 2; ++i) {
      const std::string page = Page();
      ExpectValid(page, way);
      EXPECT_NE(page.find("node_uname_info{"), std::string::npos) << way;
      EXPECT_NE(page.find("node_scrape_collector_success{collector=\"loadavg\"} "),
                std::string::npos);
    }
    for (size_t i = 0; i < files_.size(); ++i) {
      fs::remove_all(files_[i]);
      std::ofstream(files_[i]) << before[i];
    }
    for (int i = 0; i < 20; ++i) Page();  // missing values are looked for now and then
    EXPECT_EQ(Families(), good_) << "after " << way;
  }
  // All bytes for which `is` holds become others.
  void TryBytes(const std::string& way, const std::function<char(char)>& change) {
    Try(way, [&](const fs::path& file, std::string text) {
      std::transform(text.begin(), text.end(), text.begin(), change);
      std::ofstream(file) << text;
    });
  }

  const std::string root_ = testing::TempDir() + "bad_machine_" + std::to_string(::getpid());
  base::FakeClock clock_{1'700'000'000'000};
  std::vector<fs::path> files_;
  std::unique_ptr<Scraper> scraper_;
  std::set<std::string> good_;
};

TEST_F(BadMachine, FilesThatAreNone) {
  Try("nothing", [](const fs::path&, const std::string&) {});
  Try("directories", [](const fs::path& file, const std::string&) { fs::create_directory(file); });
  Try("loops",
      [](const fs::path& file, const std::string&) { fs::create_symlink(file.filename(), file); });
  Try("pipes",
      [](const fs::path& file, const std::string&) { ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0); });
}

TEST_F(BadMachine, TextThatIsNone) {
  Try("NULs", [](const fs::path& file, const std::string& text) {
    std::ofstream(file) << std::string(text.size(), '\0');
  });
  Try("cut", [](const fs::path& file, const std::string& text) {
    std::ofstream(file) << text.substr(0, text.size() * 2 / 3);
  });
  Try("thrice", [](const fs::path& file, const std::string& text) {
    std::ofstream(file) << text << text << text;
  });
  Try("one line", [](const fs::path& file, const std::string&) {
    std::ofstream(file) << std::string(300'000, '7');
  });
  TryBytes("no UTF-8", [](char c) { return c >= 'a' && c <= 'm' ? '\xC3' : c; });
  TryBytes("quotes", [](char c) { return c >= 'a' && c <= 'h' ? '"' : c; });
  TryBytes("line ends", [](char c) { return c >= 'm' && c <= 'p' ? '\n' : c; });
  TryBytes("signs", [](char c) { return c >= '0' && c <= '3' ? '-' : c; });
  TryBytes("no blanks", [](char c) { return c == ' ' ? '{' : c; });
}

}  // namespace
}  // namespace slurmscope::agent
