#include "base/cpu_profile.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

namespace slurmscope::base {
namespace {

uintptr_t Word(const std::string& profile, size_t number) {
  uintptr_t word = 0;
  std::memcpy(&word, profile.data() + number * sizeof word, sizeof word);
  return word;
}

TEST(CpuProfile, CatchesAThreadAtWork) {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> spins{0};
  std::thread busy([&] {
    while (!stop) ++spins;
  });
  // As long as it takes to see something, on a machine however busy.
  std::string profile;
  for (int i = 0; i < 100 && profile.size() < 20 * sizeof(uintptr_t); ++i) {
    auto made = CpuProfile(100, [] { return false; });
    ASSERT_TRUE(made) << made.error().message();
    const size_t maps = made->find("r-xp");
    ASSERT_NE(maps, std::string::npos) << "the memory map is behind it";
    profile = *made;
    if (Word(profile, 5) == 0) profile.clear();  // the trailer: no sample
  }
  stop = true;
  busy.join();
  ASSERT_FALSE(profile.empty());
  EXPECT_EQ(Word(profile, 1), 3U);
  EXPECT_EQ(Word(profile, 3), 10'000U);
  EXPECT_EQ(Word(profile, 5), 1U);
  EXPECT_GT(Word(profile, 6), 0U);
  EXPECT_NE(Word(profile, 7), 0U);
}

TEST(CpuProfile, OneAtATimeAndEndsWhenCanceled) {
  std::atomic<bool> inside{false};
  std::atomic<bool> stop{false};
  std::thread first([&] {
    auto made = CpuProfile(600'000, [&] {
      inside = true;
      return stop.load();
    });
    EXPECT_TRUE(made);
  });
  while (!inside) std::this_thread::yield();
  auto second = CpuProfile(1, [] { return false; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kAlreadyExists);
  stop = true;
  first.join();
}

}  // namespace
}  // namespace slurmscope::base
