#include "scrape/timetable.h"

#include <gtest/gtest.h>

#include <map>

#include "scrape/fakes_for_test.h"
#include "scrape/scrape_target.h"

namespace slurmscope::scrape {
namespace {

TEST(NextDue, KeepsThePlaceInTheInterval) {
  EXPECT_EQ(NextDue(1000, 100, 0), 1000);
  EXPECT_EQ(NextDue(1001, 100, 0), 1100);
  EXPECT_EQ(NextDue(1001, 100, 30), 1030);
  EXPECT_EQ(NextDue(1031, 100, 30), 1130);
  EXPECT_EQ(NextDue(5, 100, 30), 30);
}

TEST(Timetable, GivesSlotsInOrderAndDoesNotMakeUpForMissedOnes) {
  Timetable table;
  table.Add({0, 1000, 700, 1, nullptr}, 10'000);
  table.Add({0, 1000, 200, 2, nullptr}, 10'000);
  EXPECT_EQ(table.next_due(), 10'200);
  EXPECT_FALSE(table.TakeDue(10'199));
  Timetable::Slot slot = *table.TakeDue(15'000);
  EXPECT_EQ(slot.due_ms, 10'200);
  table.Add(slot, 15'001);
  slot = *table.TakeDue(15'000);
  EXPECT_EQ(slot.due_ms, 10'700);
  table.Add(slot, 15'001);
  EXPECT_FALSE(table.TakeDue(15'000));
  EXPECT_EQ(table.next_due(), 15'200);
}

TEST(Timetable, SurvivesAClockThatIsSetBack) {
  Timetable table;
  table.Add({0, 1000, 200, 1, nullptr}, 1'000'000);
  EXPECT_FALSE(table.TakeDue(5000));
  EXPECT_EQ(table.next_due(), 5200);
}

TEST(Timetable, TargetsAreSpreadOverTheInterval) {
  config::ScrapeConfig config;
  config.job_name = "j";
  config.scrape_interval_ms = config.scrape_timeout_ms = 1000;
  auto shared = std::make_shared<const config::ScrapeConfig>(config);
  FamilyPool families;
  std::map<int64_t, int> per_tenth;
  for (int i = 0; i < 1000; ++i) {
    TargetSpec spec = **MakeTarget(config, DiscoveredLabels(config, "n" + std::to_string(i), {}));
    ScrapeTarget target(spec, shared, nullptr, families);
    int64_t offset = target.OffsetMs(42);
    EXPECT_EQ(offset, target.OffsetMs(42));
    EXPECT_EQ(offset % 50, 0) << "not at a tick";
    ++per_tenth[offset / 100];
  }
  ASSERT_EQ(per_tenth.size(), 10u);
  for (const auto& [tenth, count] : per_tenth) {
    EXPECT_GT(count, 60) << tenth;
    EXPECT_LT(count, 140) << tenth;
  }
}

TEST(ScrapeTarget, TimesAreAlignedWithinTheTolerance) {
  config::ScrapeConfig config;
  config.job_name = "j";
  config.scrape_interval_ms = config.scrape_timeout_ms = 1000;
  FamilyPool families;
  TargetSpec spec = **MakeTarget(config, DiscoveredLabels(config, "n", {}));
  ScrapeTarget target(spec, std::make_shared<const config::ScrapeConfig>(config), nullptr,
                      families);
  base::FakeClock clock(5002);
  EXPECT_EQ(target.Begin(5000, clock, {})->time_ms, 5000);
  EXPECT_FALSE(target.Begin(5000, clock, {})) << "one at a time";
  EXPECT_FALSE(target.EndScrape());
  clock.Advance(1);
  EXPECT_EQ(target.Begin(5000, clock, {})->time_ms, 5003);
}

TEST(ScrapeTarget, EndsEvenInTheMillisecondOfItsLastSample) {
  config::ScrapeConfig config;
  config.job_name = "j";
  config.scrape_interval_ms = config.scrape_timeout_ms = 1000;
  FamilyPool families;
  TargetSpec spec = **MakeTarget(config, DiscoveredLabels(config, "n", {}));
  ScrapeTarget target(spec, std::make_shared<const config::ScrapeConfig>(config), nullptr,
                      families);
  base::FakeClock clock(5000);
  FakeStorage storage;
  ScrapeCounters counters;
  target.Finish(*target.Begin(5000, clock, {}), TextResponse("a 1\n"), storage, clock, counters);
  EXPECT_FALSE(target.EndScrape());
  ASSERT_TRUE(target.Retire());
  target.WriteEnd(storage, clock);
  EXPECT_TRUE(storage.EndsStale(R"(a{instance="n", job="j"})"));
  EXPECT_TRUE(storage.EndsStale(R"(up{instance="n", job="j"})"));
}

}  // namespace
}  // namespace slurmscope::scrape
