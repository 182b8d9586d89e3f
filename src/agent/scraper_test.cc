#include "agent/scraper.h"

#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "agent/exporter.h"
#include "agent/progress.h"
#include "agent/scraper_for_test.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

// Without what differs from run to run and from machine to machine.
std::string Stable(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const bool build = line.starts_with("node_exporter_build_info{");
    const bool duration = line.find("_duration_seconds{") != std::string::npos;
    const bool size =
        line.starts_with("node_filesystem_") && line.find("mountpoint=\"/\"") != std::string::npos;
    const bool mtime = line.starts_with("node_textfile_mtime_seconds{");
    // Texts with the path of the tree.
    for (size_t at = line.find(kRoot); at != std::string::npos; at = line.find(kRoot)) {
      line.erase(at, kRoot.size());
    }
    if (!build && !duration && !size && !mtime) out += line + "\n";
  }
  return out;
}

TEST(Scraper, GoldenOutputOfTheFixtureRoot) {
  ::setenv("TZ", "UTC", 1);
  const base::FakeClock clock(1'700'000'123'456);
  FlagValues flags = Defaults();
  // Those that read files below the roots; the others ask the kernel of this machine.
  for (const CollectorSpec& spec : AllCollectors()) {
    constexpr std::string_view kAsk[] = {"ethtool", "logind",  "network_route", "perf",  "qdisc",
                                         "systemd", "tcpstat", "timex",         "uname", "wifi"};
    const bool asks = std::find(std::begin(kAsk), std::end(kAsk), spec.name) != std::end(kAsk);
    if (spec.make != nullptr && !asks) {
      flags.Add(base::StrCat("collector.", spec.name), "true");
    }
  }
  flags.Add("collector.bcache.priorityStats", "true");
  flags.Add("collector.sysctl.include", "fs.file-nr");
  flags.Add("collector.sysctl.include", "fs.file-nr:total,free,max");
  flags.Add("collector.sysctl.include-info", "kernel.pid_max");
  flags.Add("collector.textfile.directory", kRoot + "/textfile");
  flags.Add("collector.disable-defaults", "true");
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "false", ""});
  flags.Add("collector.netdev.netlink", "false");
  flags.Add("collector.cpu.info.flags-include", "^a");
  flags.Add("collector.cpu.info.bugs-include", ".*");
  flags.Add("collector.stat.softirq", "true");
  auto scraper = Scraper::Create(TestMachine(kRoot, clock), flags, Quiet());
  ASSERT_TRUE(scraper.has_value()) << scraper.error().message();
  const std::string golden_path = SLURMSCOPE_ROOM_DIR "/testdata/golden.txt";
  const std::string first = Stable(ScrapeAll(**scraper));
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  ASSERT_TRUE(!update || base::WriteFileAtomic(golden_path, first).has_value());
  EXPECT_EQ(first, base::ReadFile(golden_path).value_or(""));
  EXPECT_EQ(first, Stable(ScrapeAll(**scraper))) << "a second scrape of the same files";
}

TEST(Scraper, SlowSourcesAreReadOncePerPeriod) {
  const std::string root = testing::TempDir() + "thermal_root_" + std::to_string(::getpid());
  const std::string zone = root + "/sys/class/thermal/thermal_zone0";
  ASSERT_TRUE(base::MakeDirectories(zone).has_value());
  const auto write = [&](const std::string& file, std::string_view text) {
    return base::WriteFileAtomic(base::StrCat(zone, "/", file), text).has_value();
  };
  ASSERT_TRUE(write("type", "cpu\n") && write("temp", "40000\n"));
  base::FakeClock clock(1000);
  FlagValues flags = Defaults();
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
  flags.Add("collector.thermal_zone", "true");
  const auto scraper = Scraper::Create(TestMachine(root, clock), flags, Quiet()).value();
  const auto shows = [&](std::string_view value) {
    return ScrapeAll(*scraper).find(base::StrCat("zone=\"0\"} ", value, "\n")) != std::string::npos;
  };
  EXPECT_TRUE(shows("40"));
  ASSERT_TRUE(write("temp", "50000\n"));
  clock.Advance(1000);
  EXPECT_TRUE(shows("40"));
  clock.Advance(4000);
  EXPECT_TRUE(shows("50"));
}

TEST(Scraper, WhatIsAbsentIsLookedForNowAndThen) {
  const std::string root = testing::TempDir() + "absent_root_" + std::to_string(::getpid());
  base::FakeClock clock(1000);
  FlagValues flags = Defaults();
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
  flags.Add("collector.entropy", "true");
  flags.Add("collector.loadavg", "true");
  const auto scraper = Scraper::Create(TestMachine(root, clock), flags, Quiet()).value();
  EXPECT_EQ(ScrapeAll(*scraper).find("node_entropy"), std::string::npos);
  const std::string random = root + "/proc/sys/kernel/random";
  ASSERT_TRUE(base::MakeDirectories(random).has_value());
  ASSERT_TRUE(base::WriteFileAtomic(random + "/entropy_avail", "256\n").has_value());
  ASSERT_TRUE(base::WriteFileAtomic(random + "/poolsize", "256\n").has_value());
  ASSERT_TRUE(base::WriteFileAtomic(root + "/proc/loadavg", "1 2 3 1/2 3\n").has_value());
  clock.Advance(1000);
  std::string page = ScrapeAll(*scraper);
  EXPECT_EQ(page.find("node_entropy"), std::string::npos);
  EXPECT_NE(page.find("node_load1 1\n"), std::string::npos) << "looked for each time";
  clock.Advance(30'000);
  page = ScrapeAll(*scraper);
  EXPECT_NE(page.find("node_entropy_available_bits 256\n"), std::string::npos);
  EXPECT_NE(page.find("success{collector=\"entropy\"} 1\n"), std::string::npos);
}

// One that has something but not all is read each time: what it has must not stand still.
TEST(Scraper, WhatIsAbsentInPartIsReadEachTime) {
  base::FakeClock clock(1'700'000'000'000);
  FlagValues flags = Defaults();
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
  flags.Add("collector.time", "true");
  const auto scraper = Scraper::Create(TestMachine("/nonexistent", clock), flags, Quiet()).value();
  EXPECT_NE(ScrapeAll(*scraper).find("node_time_seconds 1.7e+09\n"), std::string::npos);
  clock.Advance(1000);
  EXPECT_NE(ScrapeAll(*scraper).find("node_time_seconds 1.700000001e+09\n"), std::string::npos);
}

class CpuRoot : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(base::MakeDirectories(root_ + "/proc").has_value()); }
  void WriteStat(const std::string& text) {
    ASSERT_TRUE(base::WriteFileAtomic(root_ + "/proc/stat", text).has_value());
  }
  std::string Scrape() {
    if (!scraper_) {
      FlagValues flags = Defaults();
      flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
      flags.Add("collector.cpu", "true");
      scraper_ = Scraper::Create(TestMachine(root_, clock_), flags, Quiet()).value();
    }
    return ScrapeAll(*scraper_);
  }
  static bool Has(const std::string& text, std::string_view cpu, std::string_view mode,
                  std::string_view value) {
    return text.find(base::StrCat("node_cpu_seconds_total{cpu=\"", cpu, "\",mode=\"", mode, "\"} ",
                                  value, "\n")) != std::string::npos;
  }

  const std::string root_ = testing::TempDir() + "cpu_root_" + std::to_string(::getpid());
  base::FakeClock clock_;
  std::unique_ptr<Scraper> scraper_;
};

TEST_F(CpuRoot, CountersNeverGoBackUnlessTheCpuWasReplaced) {
  WriteStat("cpu  0 0 0 0\ncpu0 1000 0 0 10000 500 0 0 0 0 0\ncpu1 1 0 0 10000 0 0 0 0 0 0\n");
  EXPECT_TRUE(Has(Scrape(), "0", "iowait", "5"));
  // iowait falls a little: the old value stays; user goes on.
  WriteStat("cpu  0 0 0 0\ncpu0 1100 0 0 9900 400 0 0 0 0 0\ncpu1 1 0 0 10000 0 0 0 0 0 0\n");
  std::string text = Scrape();
  EXPECT_TRUE(Has(text, "0", "iowait", "5"));
  EXPECT_TRUE(Has(text, "0", "user", "11"));
  EXPECT_TRUE(Has(text, "0", "idle", "100"));
  // Idle falls by more than three seconds: all start anew. The other CPU is gone.
  WriteStat("cpu  0 0 0 0\ncpu0 10 0 0 100 0 0 0 0 0 0\n");
  text = Scrape();
  EXPECT_TRUE(Has(text, "0", "idle", "1"));
  EXPECT_TRUE(Has(text, "0", "user", "0.1"));
  EXPECT_EQ(text.find("cpu=\"1\""), std::string::npos);
}

TEST_F(CpuRoot, FailsAloneWhenItsFileIsMissing) {
  ::unlink((root_ + "/proc/stat").c_str());
  EXPECT_NE(Scrape().find("node_scrape_collector_success{collector=\"cpu\"} 0\n"),
            std::string::npos);
  WriteStat("cpu0 1 0 0 1\n");
  EXPECT_NE(Scrape().find("node_scrape_collector_success{collector=\"cpu\"} 1\n"),
            std::string::npos);
}

std::shared_future<void> g_gate;

class Stuck final : public Collector {
 public:
  explicit Stuck(FamilySet& out) : family_(out.Get("stuck_value", "x", MetricType::kGauge)) {}
  Result<void> Update() override {
    NotePath("/dev/slow");
    g_gate.wait();
    family_.Set(1);
    return {};
  }

 private:
  Family& family_;
};

class Fine final : public Collector {
 public:
  explicit Fine(FamilySet& out) : family_(out.Get("fine_value", "x", MetricType::kGauge)) {}
  Result<void> Update() override {
    family_.Set(2);
    return {};
  }

 private:
  Family& family_;
};

constexpr CollectorSpec kTestSpecs[] = {
    {"astuck",
     true,
     {},
     "",
     [](const Machine&, const FlagValues&, FamilySet& out) -> Result<std::unique_ptr<Collector>> {
       return std::make_unique<Stuck>(out);
     }},
    {"fine",
     true,
     {},
     "",
     [](const Machine&, const FlagValues&, FamilySet& out) -> Result<std::unique_ptr<Collector>> {
       return std::make_unique<Fine>(out);
     }},
    {"off", false, {}, "", nullptr}};

TEST(Scraper, AStuckCollectorCostsItselfAndComesBack) {
  std::promise<void> gate;
  g_gate = gate.get_future().share();
  Scraper::Options options = Quiet();
  options.crew = {std::chrono::milliseconds(10), std::chrono::milliseconds(50), 4};
  const auto scraper =
      Scraper::Create(TestMachine(kRoot, base::SystemClock()), {}, options, kTestSpecs).value();
  for (int i = 0; i < 2; ++i) {
    const std::string text = ScrapeAll(*scraper);
    EXPECT_NE(text.find("node_scrape_collector_success{collector=\"astuck\"} 0\n"),
              std::string::npos);
    EXPECT_NE(
        text.find("slurmscope_agent_collector_stuck{collector=\"astuck\",path=\"/dev/slow\"} 1\n"),
        std::string::npos);
    EXPECT_NE(text.find("fine_value 2\n"), std::string::npos);
    EXPECT_EQ(text.find("stuck_value"), std::string::npos);
  }
  gate.set_value();
  std::string text;
  for (int i = 0; i < 200 && text.find("stuck_value 1\n") == std::string::npos; ++i)
    text = ScrapeAll(*scraper);
  EXPECT_NE(text.find("stuck_value 1\n"), std::string::npos);
  EXPECT_EQ(text.find("collector_stuck"), std::string::npos);
}

TEST(Exporter, OpenMetricsWhenAskedFor) {
  const base::FakeClock clock(1'700'000'123'456);
  FlagValues flags = Defaults();
  flags.Declare({"collector.disable-defaults", FlagKind::kBool, "true", ""});
  for (const char* name : {"stat", "loadavg", "netstat", "uname"})
    flags.Add(base::StrCat("collector.", name), "true");
  Exporter exporter(Scraper::Create(TestMachine(kRoot, clock), flags, Quiet()).value(), {});
  const http::Router router = exporter.MakeRouter();
  const auto get = [&](std::string accept) {
    http::Request request;
    request.method = "GET";
    request.path = "/metrics";
    request.headers = {{"Accept", std::move(accept)}};
    return router.Handle(request);
  };
  const auto open =
      get("application/openmetrics-text;version=1.0.0,application/"
          "openmetrics-text;version=0.0.1;q=0.75,"
          "text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
  EXPECT_EQ(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(open.body.ends_with("\n# EOF\n"));
  EXPECT_NE(open.body.find("# TYPE node_context_switches counter\nnode_context_switches_total "),
            std::string::npos);
  EXPECT_NE(open.body.find("# TYPE node_load1 gauge\nnode_load1 "), std::string::npos);
  EXPECT_EQ(open.body.find("untyped"), std::string::npos);
  for (const char* accept :
       {"", "*/*", "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.5",
        "application/openmetrics-text;q=0", "text/html", "application/openmetrics-text;version=9",
        ";;,,q=,;q=1"}) {
    const auto text = get(accept);
    EXPECT_EQ(text.content_type, "text/plain; version=0.0.4; charset=utf-8") << accept;
    EXPECT_EQ(text.body.find("# EOF"), std::string::npos);
    EXPECT_NE(text.body.find("# TYPE node_context_switches_total counter\n"), std::string::npos);
  }
  EXPECT_EQ(get("application/openmetrics-text").content_type,
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

TEST(Exporter, FiltersHealthAndLanding) {
  std::promise<void> gate;
  gate.set_value();
  g_gate = gate.get_future().share();
  Exporter exporter(
      Scraper::Create(TestMachine(kRoot, base::SystemClock()), {}, Quiet(), kTestSpecs).value(),
      {});
  const http::Router router = exporter.MakeRouter();
  const auto get = [&](std::string path, http::Pairs params) {
    http::Request request;
    request.method = "GET";
    request.path = std::move(path);
    request.params = std::move(params);
    return router.Handle(request);
  };
  EXPECT_EQ(get("/-/healthy", {}).status, 200);
  EXPECT_NE(get("/", {}).body.find("href=\"/metrics\""), std::string::npos);
  EXPECT_EQ(get("/metrics", {}).content_type, "text/plain; version=0.0.4; charset=utf-8");
  const auto one = get("/metrics", {{"collect[]", "fine"}});
  EXPECT_NE(one.body.find("fine_value"), std::string::npos);
  EXPECT_EQ(one.body.find("stuck_value"), std::string::npos);
  const auto others = get("/metrics", {{"exclude[]", "fine"}});
  EXPECT_EQ(others.body.find("fine_value"), std::string::npos);
  EXPECT_NE(others.body.find("stuck_value"), std::string::npos);

  const auto expect_400 = [&](http::Pairs params, std::string_view text) {
    const auto response = get("/metrics", std::move(params));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, text);
  };
  expect_400({{"collect[]", "x"}},
             "Couldn't create filtered metrics handler: missing collector: x");
  expect_400({{"collect[]", "off"}},
             "Couldn't create filtered metrics handler: disabled collector: off");
  expect_400({{"collect[]", "fine"}, {"exclude[]", "off"}},
             "Combined collect and exclude queries are not allowed.");
}

TEST(Registry, KnowsAllOfNodeExporterInOrder) {
  const auto specs = AllCollectors();
  EXPECT_EQ(specs.size(), 80u);  // lustre is ours
  EXPECT_TRUE(std::is_sorted(
      specs.begin(), specs.end(),
      [](const CollectorSpec& a, const CollectorSpec& b) { return a.name < b.name; }));
  EXPECT_TRUE(IsEnabled(*FindCollector("cpu"), {}));
  EXPECT_FALSE(IsEnabled(*FindCollector("systemd"), {}));
  EXPECT_EQ(FindCollector("nosuch"), nullptr);
}

}  // namespace
}  // namespace slurmscope::agent
