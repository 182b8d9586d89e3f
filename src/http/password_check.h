#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"

namespace slurmscope::http {

// Names and bcrypt hashes.
using Users = std::map<std::string, std::string, std::less<>>;

// Checks passwords of `basic_auth_users`. A bcrypt hash costs some 50 ms or more by design, so what
// was found out is remembered, under a keyed hash of user, password and bcrypt hash; a user that is
// not there costs the same as one that is. Private to the room. Thread-safe.
class PasswordCheck {
 public:
  static constexpr size_t kRemembered = 256;        // right ones, and as many wrong ones
  static constexpr int kMaxFailuresPerMinute = 20;  // of a client; beyond, it is not worked for
  static constexpr int kMaxWorking = 2;             // hashes computed at once
  static constexpr int kMaxWaiting = 4;

  // Whether a password is that of a bcrypt hash; as slow as the hash's cost says.
  using Compare = std::function<bool(const std::string& password, const std::string& hash)>;
  explicit PasswordCheck(const base::Clock& clock = base::SystemClock(),
                         Compare compare = &BcryptMatches);
  static bool BcryptMatches(const std::string& password, const std::string& hash);

  enum class Verdict {
    kGood,
    kBad,
    kUndecided,  // work is needed, and was not allowed
    kThrottled,  // this client gave too many wrong passwords
    kBusy,       // too many passwords are being checked
  };
  // `client` is the address without port. With `may_work` the call may take as long as the hash's
  // cost says, and some waiting.
  Verdict Check(const Users& users, std::string_view user, const std::string& password,
                std::string_view client, bool may_work);

 private:
  struct Failures {
    int64_t since_ns = 0;
    int count = 0;
  };
  // What was found out, the oldest leaves first.
  struct Memory {
    void Add(const std::string& key);
    std::unordered_set<std::string> keys;
    std::deque<std::string> order;
  };

  std::string KeyOf(std::string_view user, std::string_view hash, std::string_view password) const;
  bool TooManyFailures(std::string_view client);
  void CountFailure(std::string_view client);
  bool WaitForTurn(std::unique_lock<std::mutex>& lock);

  const base::Clock& clock_;
  const Compare compare_;
  std::array<uint8_t, 32> secret_{};
  std::mutex mutex_;  // for all below
  std::condition_variable turn_;
  int working_ = 0;
  int waiting_ = 0;
  Memory good_;
  Memory bad_;
  std::unordered_map<std::string, Failures> failures_;
};

}  // namespace slurmscope::http
