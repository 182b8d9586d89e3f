#include "http/password_check.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace slurmscope::http {
namespace {

using Verdict = PasswordCheck::Verdict;

// bcrypt of "secret" at the lowest cost.
constexpr const char* kSecret = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

class PasswordCheckTest : public ::testing::Test {
 protected:
  Verdict Check(std::string_view user, const std::string& password,
                std::string_view client = "10.0.0.1", bool may_work = true) {
    return check_.Check(users_, user, password, client, may_work);
  }
  base::FakeClock clock_{0};
  Users users_ = {{"alice", kSecret}};
  PasswordCheck check_{clock_};
};

TEST_F(PasswordCheckTest, KnowsRightFromWrong) {
  EXPECT_EQ(Check("alice", "secret"), Verdict::kGood);
  EXPECT_EQ(Check("alice", "Secret"), Verdict::kBad);
  EXPECT_EQ(Check("alice", ""), Verdict::kBad);
  EXPECT_EQ(Check("bob", "secret"), Verdict::kBad);
  EXPECT_EQ(Check("", ""), Verdict::kBad);
}

TEST_F(PasswordCheckTest, RemembersWithoutWork) {
  EXPECT_EQ(Check("alice", "secret", "a", false), Verdict::kUndecided);
  EXPECT_EQ(Check("alice", "secret"), Verdict::kGood);
  EXPECT_EQ(Check("alice", "secret", "a", false), Verdict::kGood);
  EXPECT_EQ(Check("alice", "wrong"), Verdict::kBad);
  EXPECT_EQ(Check("alice", "wrong", "a", false), Verdict::kBad);
  // Another hash of the same user is another question.
  users_["alice"][10] = 'X';
  EXPECT_EQ(Check("alice", "secret", "a", false), Verdict::kUndecided);
  EXPECT_EQ(Check("alice", "secret"), Verdict::kBad);
}

TEST_F(PasswordCheckTest, ThrottlesAClientThatGuesses) {
  for (int i = 0; i < PasswordCheck::kMaxFailuresPerMinute; ++i)
    EXPECT_EQ(Check("alice", "guess" + std::to_string(i)), Verdict::kBad);
  EXPECT_EQ(Check("alice", "one more"), Verdict::kThrottled);
  EXPECT_EQ(Check("alice", "secret"), Verdict::kThrottled) << "nothing is learnt";
  EXPECT_EQ(Check("alice", "secret", "10.0.0.2"), Verdict::kGood) << "others are not kept out";
  EXPECT_EQ(Check("alice", "secret"), Verdict::kGood) << "known to be right";
  clock_.Advance(61'000);
  EXPECT_EQ(Check("alice", "yet one more"), Verdict::kBad);
}

TEST_F(PasswordCheckTest, ForgetsTheOldest) {
  EXPECT_EQ(Check("alice", "secret"), Verdict::kGood);
  for (size_t i = 0; i < PasswordCheck::kRemembered + 1; ++i)
    Check("alice", "guess" + std::to_string(i), std::to_string(i));
  EXPECT_EQ(Check("alice", "secret", "a", false), Verdict::kGood) << "wrong ones push none out";
  EXPECT_EQ(Check("alice", "guess0", "a", false), Verdict::kUndecided);
  EXPECT_EQ(Check("alice", "guess9", "a", false), Verdict::kBad);
}

// Some 50 ms for a hash of cost 10, whether the user exists or not; next to nothing afterwards.
TEST_F(PasswordCheckTest, UnknownUsersCostTheSame) {
  users_ = {{"alice", "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"}};
  const auto seconds = [&](std::string_view user, const std::string& password) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(Check(user, password), Verdict::kBad);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  double known = 1e9;
  double unknown = 1e9;
  for (int i = 0; i < 5; ++i) {
    known = std::min(known, seconds("alice", "x" + std::to_string(i)));
    unknown = std::min(unknown, seconds("bob" + std::to_string(i), "x"));
  }
  EXPECT_GT(unknown, 0.005);
  EXPECT_NEAR(unknown / known, 1, 0.3);
  EXPECT_LT(seconds("bob0", "x"), known / 10);
}

TEST_F(PasswordCheckTest, BoundsTheWork) {
  users_ = {{"alice", "$2y$12$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"}};
  std::vector<std::thread> threads;
  std::atomic<int> busy = 0;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      const auto verdict =
          check_.Check(users_, "alice", "x" + std::to_string(i), std::to_string(i), true);
      busy += verdict == Verdict::kBusy ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(busy, 16 - PasswordCheck::kMaxWorking - PasswordCheck::kMaxWaiting - 4);
}

}  // namespace
}  // namespace slurmscope::http
