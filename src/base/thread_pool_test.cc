#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace slurmscope::base {
namespace {

TEST(ThreadPool, RunsWhatIsQueuedBeforeItEnds) {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool(2, 100);
    for (int i = 0; i < 100; ++i) {
      while (!pool.TrySubmit([&] { ++ran; })) std::this_thread::yield();
    }
  }
  EXPECT_EQ(ran, 100);
}

TEST(ThreadPool, RefusesBeyondItsBound) {
  std::promise<void> started;
  std::promise<void> release;
  ThreadPool pool(1, 2);
  ASSERT_TRUE(pool.TrySubmit([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(pool.TrySubmit([] {}));
  EXPECT_TRUE(pool.TrySubmit([] {}));
  EXPECT_FALSE(pool.TrySubmit([] {}));
  release.set_value();
}

TEST(ThreadPool, StartsThreadsWhenThereIsWorkAndNoMoreThanItMay) {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  {
    ThreadPool pool(2, 100);
    EXPECT_EQ(pool.threads(), 2u);
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(pool.TrySubmit([&, released] {
        released.wait();
        const std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
      }));
    }
    release.set_value();
  }
  EXPECT_LE(seen.size(), 2u);
  ThreadPool pool(2, 100);
  // Two that wait for each other need both threads.
  std::promise<void> first;
  std::promise<void> second;
  std::promise<void> met;
  ASSERT_TRUE(pool.TrySubmit([&] {
    first.set_value();
    second.get_future().wait();
    met.set_value();
  }));
  first.get_future().wait();
  ASSERT_TRUE(pool.TrySubmit([&] { second.set_value(); }));
  EXPECT_EQ(met.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST(ThreadPool, ParallelForRunsEachIndexOnce) {
  ThreadPool pool(4, 8);
  for (size_t n : {0u, 1u, 2u, 3u, 1000u}) {
    std::vector<int> counts(n, 0);  // plain ints: TSan sees a double or unfinished run
    pool.ParallelFor(n, [&](size_t i) { ++counts[i]; });
    EXPECT_EQ(counts, std::vector<int>(n, 1));
  }
}

TEST(ThreadPool, TasksThatThrowLeaveTheThreadAlive) {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool(1, 8);
    ASSERT_TRUE(pool.TrySubmit([] { throw std::runtime_error("expected in a test"); }));
    ASSERT_TRUE(pool.TrySubmit([] { throw 1; }));
    ASSERT_TRUE(pool.TrySubmit([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 1);
}

TEST(ThreadPool, ParallelForPassesExceptionsOnAfterAllAreDone) {
  ThreadPool pool(3, 8);
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> inside = 0;
    auto body = [&](size_t i) {
      ++inside;
      if (i % 7 == 3) {
        --inside;
        throw std::runtime_error("expected");
      }
      --inside;
    };
    EXPECT_THROW(pool.ParallelFor(100, body), std::runtime_error);
    EXPECT_EQ(inside, 0);
  }
}

TEST(ThreadPool, ParallelForFromManyThreadsWithAFullQueue) {
  ThreadPool pool(2, 1);
  std::vector<std::thread> callers;
  std::atomic<size_t> total = 0;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        std::vector<size_t> seen(17, 0);
        pool.ParallelFor(seen.size(), [&](size_t i) { seen[i] = 1; });
        for (size_t one : seen) total += one;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, 4u * 200u * 17u);
}

TEST(ThreadPool, ParallelForDoesNotWaitForABusyPool) {
  std::promise<void> release;
  ThreadPool pool(1, 8);
  ASSERT_TRUE(pool.TrySubmit([&] { release.get_future().wait(); }));
  std::atomic<int> ran = 0;
  pool.ParallelFor(10, [&](size_t) { ++ran; });
  EXPECT_EQ(ran, 10);
  release.set_value();
}

}  // namespace
}  // namespace slurmscope::base
