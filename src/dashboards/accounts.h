#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "dashboards/database.h"

namespace slurmscope::dashboards {

struct User {
  std::string login;
  std::string role;  // "Admin", "Editor", "Viewer"
};

// Slows down guessing: after five failures within five minutes a login name or an address waits until they are over.
// Thread-safe; remembers a bounded number of names and addresses.
class LoginThrottle {
 public:
  explicit LoginThrottle(const base::Clock& clock) : clock_(clock) {}

  // Seconds to wait; 0: may try.
  int64_t SecondsToWait(const std::string& key);
  void RecordFailure(const std::string& key);
  void Clear(const std::string& key);

 private:
  struct Failures {
    int count = 0;
    int64_t first_ms = 0;
  };
  void Expire(int64_t now_ms);

  const base::Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Failures> failures_;
};

// Users and their sessions. A session is a random token in a cookie; the database holds its SHA-256 only. Sessions
// end 7 days after the last use or 30 days after the login. Thread-safe.
class Accounts {
 public:
  static constexpr int64_t kIdleMs = 7ll * 24 * 3600 * 1000;
  static constexpr int64_t kLifetimeMs = 30ll * 24 * 3600 * 1000;

  Accounts(Database& database, const base::Clock& clock) : database_(database), clock_(clock), throttle_(clock) {}

  // Makes sure that there is an administrator `admin`. With a password: it is that one from now on. Without: one is
  // generated when there is no administrator yet, and written to `password_file` (mode 0600).
  struct AdminSetup {
    bool generated = false;
    std::string generated_password;  // to be printed once
  };
  Result<AdminSetup> EnsureAdmin(std::optional<std::string_view> password, const std::string& password_file);

  struct Login {
    std::string token;
    User user;
  };
  // Errors: kPermissionDenied (wrong user or password, the text does not tell which), kResourceExhausted (throttled;
  // the text says for how long).
  Result<Login> LogIn(const std::string& login, std::string_view password, const std::string& remote_host);
  void LogOut(std::string_view token);

  // The user of a live session.
  std::optional<User> FindSession(std::string_view token);

 private:
  Database& database_;
  const base::Clock& clock_;
  LoginThrottle throttle_;
};

}  // namespace slurmscope::dashboards
