#include "http/password_check.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
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

// What takes time is counted: one hash of the same cost, whether the user exists or not, and none
// for what is known.
TEST(PasswordCheckWorkTest, UnknownUsersCostTheSame) {
  base::FakeClock clock(0);
  std::vector<std::string> costs;
  PasswordCheck check(clock, [&](const std::string&, const std::string& hash) {
    EXPECT_EQ(hash.size(), 60U);
    costs.push_back(hash.substr(4, 2));
    return false;
  });
  const Users users = {{"alice", "$2y$11$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"}};
  EXPECT_EQ(check.Check(users, "alice", "x", "a", true), Verdict::kBad);
  EXPECT_EQ(check.Check(users, "bob", "x", "a", true), Verdict::kBad);
  EXPECT_EQ(check.Check({}, "bob", "y", "a", true), Verdict::kBad);
  EXPECT_EQ(costs, (std::vector<std::string>{"11", "11", "10"}));
  EXPECT_EQ(check.Check(users, "alice", "x", "a", true), Verdict::kBad);
  EXPECT_EQ(check.Check(users, "bob", "x", "a", true), Verdict::kBad);
  EXPECT_EQ(costs.size(), 3U);
}

TEST(PasswordCheckWorkTest, BoundsTheWork) {
  constexpr int kClients = 16;
  constexpr int kTurnedAway = kClients - PasswordCheck::kMaxWorking - PasswordCheck::kMaxWaiting;
  base::FakeClock clock(0);
  std::atomic<int> working = 0;
  std::atomic<int> most = 0;
  std::atomic<int> busy = 0;
  PasswordCheck check(clock, [&](const std::string&, const std::string&) {
    const int now = ++working;
    for (int known = most; known < now && !most.compare_exchange_weak(known, now);) {
    }
    // Until all who find no room have been told so.
    while (busy < kTurnedAway) std::this_thread::yield();
    --working;
    return false;
  });
  const Users users = {{"alice", kSecret}};
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      const auto verdict =
          check.Check(users, "alice", "x" + std::to_string(i), std::to_string(i), true);
      busy += verdict == Verdict::kBusy ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(busy, kTurnedAway);
  EXPECT_LE(most, PasswordCheck::kMaxWorking);
}

}  // namespace
}  // namespace slurmscope::http
