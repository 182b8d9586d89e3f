#include "http/password_check.h"

#include <crypt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <chrono>
#include <exception>
#include <memory>

#include "base/bytes.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::http {

namespace {

constexpr int64_t kMinuteNs = int64_t{60} * 1'000'000'000;
constexpr size_t kMaxClients = 4096;
constexpr std::chrono::seconds kMaxWait(2);
// Salt and hash of nothing in particular, after the cost.
constexpr std::string_view kNobody = "ukh9E6mQwz1mQ6Ds5xk34u2yCr4K7P/L5IYS6ww1qYxm7GQn4GhFG";

// As costly as those of the users, so that time does not tell who is one.
std::string HashOfNobody(const Users& users) {
  const std::string_view cost =
      users.empty() ? std::string_view("10") : std::string_view(users.begin()->second).substr(4, 2);
  return base::StrCat("$2y$", cost, "$", kNobody);
}

}  // namespace

bool PasswordCheck::BcryptMatches(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();  // 32 KB: not on a stack
  const char* computed = crypt_r(password.c_str(), hash.c_str(), data.get());
  const bool same = computed != nullptr && std::string_view(computed).size() == hash.size() &&
                    gnutls_memcmp(computed, hash.data(), hash.size()) == 0;
  gnutls_memset(data.get(), 0, sizeof(crypt_data));
  return same;
}

PasswordCheck::PasswordCheck(const base::Clock& clock, Compare compare)
    : clock_(clock), compare_(std::move(compare)) {
  // Without randomness there is no safe way to go on.
  if (gnutls_rnd(GNUTLS_RND_KEY, secret_.data(), secret_.size()) != GNUTLS_E_SUCCESS)
    std::terminate();
}

void PasswordCheck::Memory::Add(const std::string& key) {
  if (!keys.insert(key).second) return;
  order.push_back(key);
  if (order.size() <= kRemembered) return;
  keys.erase(order.front());
  order.pop_front();
}

std::string PasswordCheck::KeyOf(std::string_view user, std::string_view hash,
                                 std::string_view password) const {
  std::string text;
  for (std::string_view part : {user, hash, password}) base::PutUvarintString(text, part);
  std::string key(32, '\0');
  gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret_.data(), secret_.size(), text.data(), text.size(),
                   key.data());
  gnutls_memset(text.data(), 0, text.size());
  return key;
}

bool PasswordCheck::TooManyFailures(std::string_view client) {
  const auto it = failures_.find(std::string(client));
  if (it == failures_.end()) return false;
  if (clock_.SteadyNs() - it->second.since_ns < kMinuteNs)
    return it->second.count >= kMaxFailuresPerMinute;
  failures_.erase(it);
  return false;
}

void PasswordCheck::CountFailure(std::string_view client) {
  const int64_t now = clock_.SteadyNs();
  if (failures_.size() >= kMaxClients) {
    std::erase_if(failures_, [&](const auto& f) { return now - f.second.since_ns >= kMinuteNs; });
    if (failures_.size() >= kMaxClients) failures_.erase(failures_.begin());
  }
  Failures& failures = failures_[std::string(client)];
  if (failures.count == 0) failures.since_ns = now;
  if (++failures.count == kMaxFailuresPerMinute)
    base::LogWarn("a client gave many wrong passwords", {{"client", client}});
}

bool PasswordCheck::WaitForTurn(std::unique_lock<std::mutex>& lock) {
  if (working_ < kMaxWorking) return true;
  if (waiting_ >= kMaxWaiting) return false;
  ++waiting_;
  const bool free = turn_.wait_for(lock, kMaxWait, [this] { return working_ < kMaxWorking; });
  --waiting_;
  return free;
}

PasswordCheck::Verdict PasswordCheck::Check(const Users& users, std::string_view user,
                                            const std::string& password, std::string_view client,
                                            bool may_work) {
  const auto it = users.find(user);
  const std::string hash = it != users.end() ? it->second : HashOfNobody(users);
  const std::string key = KeyOf(user, hash, password);
  std::unique_lock lock(mutex_);
  if (good_.keys.contains(key)) return Verdict::kGood;
  if (bad_.keys.contains(key)) return Verdict::kBad;
  if (TooManyFailures(client)) return Verdict::kThrottled;
  if (!may_work) return Verdict::kUndecided;
  if (!WaitForTurn(lock)) return Verdict::kBusy;
  // Another request with the same password may have been faster.
  if (good_.keys.contains(key)) return Verdict::kGood;
  ++working_;
  lock.unlock();
  const bool matches = compare_(password, hash);
  const bool good = matches && it != users.end();
  lock.lock();
  --working_;
  turn_.notify_all();
  (good ? good_ : bad_).Add(key);
  if (!good) CountFailure(client);
  return good ? Verdict::kGood : Verdict::kBad;
}

}  // namespace slurmscope::http
