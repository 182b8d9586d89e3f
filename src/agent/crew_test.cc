#include "agent/crew.h"

#include <atomic>
#include <future>
#include <thread>

#include <gtest/gtest.h>

namespace slurmscope::agent {
namespace {

using std::chrono::milliseconds;

struct Count final : Job {
  void Run() override { ++runs; }
  std::atomic<int> runs{0};
};

struct Hang final : Job {
  void Run() override {
    ++runs;
    released.wait();
  }
  std::atomic<int> runs{0};
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
};

CrewOptions Quick() { return {milliseconds(10), milliseconds(60), 4}; }

TEST(Crew, RunsAllAndAgain) {
  Crew crew({milliseconds(250), std::chrono::seconds(5), 2});
  auto a = std::make_shared<Count>();
  auto b = std::make_shared<Count>();
  for (int i = 0; i < 100; ++i) crew.Run({a, b});
  EXPECT_EQ(a->runs, 100);
  EXPECT_EQ(b->runs, 100);
  EXPECT_TRUE(a->finished());
  crew.Run({});
}

TEST(Crew, AHungJobCostsOnlyItselfAndRecovers) {
  auto hang = std::make_shared<Hang>();
  auto after = std::make_shared<Count>();
  Crew crew(Quick());
  crew.Run({hang, after});
  EXPECT_FALSE(hang->finished());
  EXPECT_GE(hang->running_for(), milliseconds(60));
  EXPECT_TRUE(after->finished());

  const auto start = std::chrono::steady_clock::now();
  crew.Run({hang, after});
  EXPECT_FALSE(hang->finished());
  EXPECT_TRUE(after->finished());
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(50))
      << "a stuck job is not waited for again";
  EXPECT_EQ(hang->runs, 1);

  hang->release.set_value();
  for (int i = 0; i < 200 && !hang->finished(); ++i) {
    std::this_thread::sleep_for(milliseconds(5));
    crew.Run({hang, after});
  }
  EXPECT_TRUE(hang->finished());
  EXPECT_GE(hang->runs, 2);
}

TEST(Crew, MoreHungJobsThanThreadsEndToo) {
  std::vector<std::shared_ptr<Job>> jobs;
  std::vector<std::shared_ptr<Hang>> hangs;
  for (int i = 0; i < 6; ++i) {
    hangs.push_back(std::make_shared<Hang>());
    jobs.push_back(hangs.back());
  }
  {
    Crew crew(Quick());
    crew.Run(jobs);
    for (const auto& hang : hangs) EXPECT_FALSE(hang->finished());
  }
  for (const auto& hang : hangs) hang->release.set_value();
}

}  // namespace
}  // namespace slurmscope::agent
