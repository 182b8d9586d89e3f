#include "agent/crew.h"

#include <atomic>
#include <future>
#include <semaphore>
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
  for (int i = 0; i < 1000 && hang->runs < 3; ++i) {
    std::this_thread::sleep_for(milliseconds(5));
    crew.Run({hang, after});
    crew.RunBehind();
  }
  EXPECT_TRUE(hang->finished());
  EXPECT_GE(hang->runs, 3);
}

// Each run of it waits to be let go.
struct Slow final : Job {
  void Run() override {
    started.release();
    go.acquire();
    ++value;
  }
  std::counting_semaphore<> started{0};
  std::counting_semaphore<> go{0};
  std::atomic<int> value{0};
};

void RunUntilFinished(Crew& crew, const std::vector<std::shared_ptr<Job>>& jobs) {
  do {
    std::this_thread::sleep_for(milliseconds(1));
    crew.Run(jobs);
  } while (!jobs[0]->finished());
}

TEST(Crew, WhatASlowJobFindsIsGivenInTheNextRunAndItRunsBehind) {
  auto slow = std::make_shared<Slow>();
  Crew crew(Quick());
  crew.Run({slow});
  slow->started.acquire();
  EXPECT_FALSE(slow->finished());
  slow->go.release();
  RunUntilFinished(crew, {slow});
  EXPECT_EQ(slow->value, 1);
  EXPECT_FALSE(slow->started.try_acquire()) << "not run anew, which would be too late again";

  crew.RunBehind();
  slow->started.acquire();
  crew.Run({slow});
  EXPECT_FALSE(slow->finished());
  std::this_thread::sleep_for(milliseconds(40));
  slow->go.release();
  RunUntilFinished(crew, {slow});
  EXPECT_EQ(slow->value, 2);

  slow->go.release(2);  // fast from now on
  crew.RunBehind();
  slow->started.acquire();
  RunUntilFinished(crew, {slow});
  EXPECT_TRUE(slow->started.try_acquire()) << "takes its turn again";
  EXPECT_EQ(slow->value, 4);
}

TEST(Crew, ManyHungJobsCostOnlyThemselves) {
  std::vector<std::shared_ptr<Job>> jobs;
  std::vector<std::shared_ptr<Hang>> hangs;
  for (int i = 0; i < 40; ++i) {
    hangs.push_back(std::make_shared<Hang>());
    jobs.push_back(hangs.back());
  }
  auto after = std::make_shared<Count>();
  jobs.push_back(after);
  {
    Crew crew({milliseconds(5), milliseconds(60)});
    crew.Run(jobs);
    EXPECT_TRUE(after->finished());
    for (const auto& hang : hangs) EXPECT_FALSE(hang->finished());
    crew.Run(jobs);
    EXPECT_EQ(after->runs, 2);
  }
  for (const auto& hang : hangs) hang->release.set_value();
}

TEST(Crew, ARunEndsAtItsLimit) {
  auto hang = std::make_shared<Hang>();
  Crew crew({std::chrono::hours(1), std::chrono::hours(1)});
  auto after = std::make_shared<Count>();
  crew.Run({hang, after}, milliseconds(20));
  EXPECT_FALSE(hang->finished());
  EXPECT_FALSE(after->finished()) << "there was no time for it";
  crew.Run({hang, after}, std::chrono::hours(1));
  EXPECT_TRUE(after->finished());
  hang->release.set_value();
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
