#include "agent/exporter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "agent/progress.h"

namespace slurmscope::agent {
namespace {

std::atomic<bool> g_slow = false;

class Sometimes final : public Collector {
 public:
  explicit Sometimes(FamilySet& out) : family_(out.Get("some_value", "x", MetricType::kGauge)) {}
  Result<void> Update() override {
    if (g_slow) std::this_thread::sleep_for(std::chrono::milliseconds(60));
    family_.Set(1);
    return {};
  }

 private:
  Family& family_;
};

constexpr CollectorSpec kSpecs[] = {
    {"sometimes",
     true,
     {},
     "",
     [](const Machine&, const FlagValues&, FamilySet& out) -> Result<std::unique_ptr<Collector>> {
       return std::make_unique<Sometimes>(out);
     }}};

http::Request Get(std::string path, bool hurried) {
  http::Request request;
  request.method = "GET";
  request.path = std::move(path);
  request.hurried = hurried;
  return request;
}

class ExporterTest : public ::testing::Test {
 protected:
  static std::unique_ptr<Scraper> MakeScraper() {
    Scraper::Options options;
    options.self_metrics = false;
    return Scraper::Create(std::make_shared<Machine>(
                               Machine{{}, base::SystemClock(), nullptr, nullptr, nullptr}),
                           {}, options, kSpecs)
        .value();
  }
  Exporter exporter_{MakeScraper(), {}};
};

class Held final : public Collector {
 public:
  Result<void> Update() override {
    NotePath("/dev/held");
    gate.wait();
    return {};
  }
  static std::shared_future<void> gate;
};
std::shared_future<void> Held::gate;

constexpr CollectorSpec kHeldSpecs[] = {
    {"held",
     true,
     {},
     "",
     [](const Machine&, const FlagValues&, FamilySet&) -> Result<std::unique_ptr<Collector>> {
       return std::make_unique<Held>();
     }}};

TEST(ExporterTime, AnswersBeforeTheScraperGivesUp) {
  std::promise<void> release;
  Held::gate = release.get_future().share();
  Scraper::Options options;
  options.crew = {std::chrono::milliseconds(1), std::chrono::hours(1)};
  auto machine = std::make_shared<Machine>(Machine{{}, base::SystemClock(), nullptr});
  Exporter exporter(Scraper::Create(machine, {}, options, kHeldSpecs).value(), {});
  http::Request request = Get("/metrics", false);
  request.headers.emplace_back("x-prometheus-scrape-timeout-seconds", "0.1");
  const std::string page = exporter.MakeRouter().Handle(request).body;
  EXPECT_NE(page.find("node_scrape_collector_success{collector=\"held\"} 0\n"), std::string::npos);
  EXPECT_NE(page.find("collector_stuck{collector=\"held\",path=\"/dev/held\"} 1\n"),
            std::string::npos);
  release.set_value();
}

TEST_F(ExporterTest, AnswersAtOnceUnlessScrapesAreSlow) {
  EXPECT_TRUE(exporter_.Hurries(Get("/metrics", false)));
  EXPECT_FALSE(exporter_.Hurries(Get("/", false)));
  const http::Router router = exporter_.MakeRouter();
  const auto has_value = [&](bool hurried) {
    const http::Response response = router.Handle(Get("/metrics", hurried));
    return !response.later && response.body.find("some_value 1\n") != std::string::npos;
  };
  // A machine may be so busy that no scrape is fast.
  const auto soon = [&] {
    for (int i = 0; i < 200; ++i) {
      if (has_value(true)) return true;
      EXPECT_TRUE(has_value(false));
    }
    return false;
  };
  EXPECT_TRUE(soon());
  g_slow = true;
  EXPECT_TRUE(has_value(false));
  EXPECT_TRUE(router.Handle(Get("/metrics", true)).later);
  g_slow = false;
  EXPECT_TRUE(soon());
}

TEST_F(ExporterTest, AnswersLaterWhileAnotherScrapeIsUnderWay) {
  const http::Router router = exporter_.MakeRouter();
  g_slow = true;
  std::atomic<bool> ended = false;
  bool later = false;
  std::thread other([&] {
    for (int i = 0; i < 5; ++i) (void)router.Handle(Get("/metrics", false));
    ended = true;
  });
  while (!ended && !later) later = router.Handle(Get("/metrics", true)).later;
  other.join();
  g_slow = false;
  EXPECT_TRUE(later);
}

}  // namespace
}  // namespace slurmscope::agent
