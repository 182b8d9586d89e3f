#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

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

TEST(ThreadPool, ParallelForRunsEachIndexOnce) {
  ThreadPool pool(4, 8);
  for (size_t n : {0u, 1u, 2u, 3u, 1000u}) {
    std::vector<int> counts(n, 0);  // plain ints: TSan sees a double or unfinished run
    pool.ParallelFor(n, [&](size_t i) { ++counts[i]; });
    EXPECT_EQ(counts, std::vector<int>(n, 1));
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
