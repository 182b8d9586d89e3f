#include "dashboards/accounts.h"

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "dashboards/secrets.h"

namespace slurmscope::dashboards {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr std::string_view kAdmin = "admin";
constexpr int kMaxFailures = 5;
constexpr int64_t kWindowMs = 5 * 60 * 1000;
constexpr size_t kMaxKeys = 10'000;
constexpr size_t kTokenBytes = 32;
constexpr size_t kMaxTokenChars = 128;
constexpr int64_t kLastSeenGrainMs = 60 * 1000;  // a write per request would be waste

}  // namespace

void LoginThrottle::Expire(int64_t now_ms) {
  std::erase_if(failures_, [&](const auto& entry) { return now_ms - entry.second.first_ms >= kWindowMs; });
}

int64_t LoginThrottle::SecondsToWait(const std::string& key) {
  std::lock_guard lock(mutex_);
  int64_t now_ms = clock_.NowMs();
  auto it = failures_.find(key);
  if (it == failures_.end() || it->second.count < kMaxFailures) return 0;
  int64_t left_ms = it->second.first_ms + kWindowMs - now_ms;
  return left_ms <= 0 ? 0 : (left_ms + 999) / 1000;
}

void LoginThrottle::RecordFailure(const std::string& key) {
  std::lock_guard lock(mutex_);
  int64_t now_ms = clock_.NowMs();
  Expire(now_ms);
  if (failures_.size() >= kMaxKeys && !failures_.contains(key)) return;
  Failures& entry = failures_[key];
  if (entry.count == 0) entry.first_ms = now_ms;
  ++entry.count;
}

void LoginThrottle::Clear(const std::string& key) {
  std::lock_guard lock(mutex_);
  failures_.erase(key);
}

Result<Accounts::AdminSetup> Accounts::EnsureAdmin(std::optional<std::string_view> password,
                                                   const std::string& password_file) {
  auto rows = TRY(database_.Execute("SELECT password_hash FROM users WHERE login = ?", {std::string(kAdmin)}));
  std::string known_hash = rows.empty() ? std::string() : TextOf(rows[0][0]);
  AdminSetup setup;
  std::string chosen;
  if (password) {
    if (!known_hash.empty() && VerifyPassword(known_hash, *password)) return setup;
    chosen = *password;
  } else {
    if (!known_hash.empty()) return setup;
    chosen = RandomToken(15);
    TRY_CONTEXT(base::WriteFileAtomic(password_file, chosen + "\n", 0600), "administrator's password");
    setup.generated = true;
    setup.generated_password = chosen;
  }
  std::string hash = TRY_CONTEXT(HashPassword(chosen), "administrator's password");
  TRY(database_.Execute("INSERT INTO users VALUES (?1, ?2, 'Admin', ?3) "
                        "ON CONFLICT (login) DO UPDATE SET password_hash = ?2",
                        {std::string(kAdmin), hash, clock_.NowMs()}));
  // Whoever knew the old password must not stay logged in.
  TRY(database_.Execute("DELETE FROM sessions WHERE login = ?", {std::string(kAdmin)}));
  return setup;
}

Result<Accounts::Login> Accounts::LogIn(const std::string& login, std::string_view password,
                                        const std::string& remote_host) {
  std::string user_key = StrCat("user:", login.substr(0, 256));
  std::string host_key = StrCat("host:", remote_host);
  int64_t wait = std::max(throttle_.SecondsToWait(user_key), throttle_.SecondsToWait(host_key));
  if (wait > 0) {
    return Fail(ErrorCode::kResourceExhausted,
                StrCat("Too many failed logins. Try again in ", wait, " seconds."));
  }
  auto rows = TRY(database_.Execute("SELECT password_hash, role FROM users WHERE login = ?", {login}));
  std::string hash = rows.empty() ? std::string() : TextOf(rows[0][0]);
  if (!VerifyPassword(hash, password)) {
    throttle_.RecordFailure(user_key);
    throttle_.RecordFailure(host_key);
    base::LogWarn("login failed", {{"user", login.substr(0, 64)}, {"remote", remote_host}});
    return Fail(ErrorCode::kPermissionDenied, "Invalid username or password");
  }
  throttle_.Clear(user_key);
  int64_t now_ms = clock_.NowMs();
  TRY(database_.Execute("DELETE FROM sessions WHERE last_seen_ms < ? OR created_ms < ?",
                        {now_ms - kIdleMs, now_ms - kLifetimeMs}));
  std::string token = RandomToken(kTokenBytes);
  TRY(database_.Execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", {Sha256Hex(token), login, now_ms, now_ms}));
  base::LogInfo("login", {{"user", login}, {"remote", remote_host}});
  return Login{std::move(token), User{login, TextOf(rows[0][1])}};
}

void Accounts::LogOut(std::string_view token) {
  auto done = database_.Execute("DELETE FROM sessions WHERE token_hash = ?", {Sha256Hex(token)});
  if (!done) base::LogError("logout failed", {{"error", done.error()}});
}

std::optional<User> Accounts::FindSession(std::string_view token) {
  if (token.empty() || token.size() > kMaxTokenChars) return std::nullopt;
  // Looked up by hash: what the comparison's time tells is of no use to somebody without the token.
  std::string hash = Sha256Hex(token);
  auto rows = database_.Execute(
      "SELECT u.login, u.role, s.created_ms, s.last_seen_ms FROM sessions s JOIN users u USING (login) "
      "WHERE s.token_hash = ?",
      {hash});
  if (!rows) {
    base::LogError("session lookup failed", {{"error", rows.error()}});
    return std::nullopt;
  }
  if (rows->empty()) return std::nullopt;
  const SqlRow& row = rows->front();
  int64_t now_ms = clock_.NowMs();
  int64_t last_seen_ms = IntOf(row[3]);
  if (now_ms - IntOf(row[2]) > kLifetimeMs || now_ms - last_seen_ms > kIdleMs) return std::nullopt;
  if (now_ms - last_seen_ms > kLastSeenGrainMs) {
    auto touched = database_.Execute("UPDATE sessions SET last_seen_ms = ? WHERE token_hash = ?", {now_ms, hash});
    if (!touched) base::LogError("session update failed", {{"error", touched.error()}});
  }
  return User{TextOf(row[0]), TextOf(row[1])};
}

}  // namespace slurmscope::dashboards
