#include "agent/job/user_names.h"

#include <pwd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/log.h"

namespace slurmscope::agent::job {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kMostUsers = 4096;
constexpr size_t kMostQuestions = 64;
constexpr auto kRemembered = std::chrono::hours(1);

std::string LookUp(uint32_t uid) {
  std::vector<char> buffer(16 << 10);
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return error == 0 && found != nullptr ? found->pw_name : "";
}

}  // namespace

struct UserNames::Shared {
  struct Answer {
    std::string name;
    Steady::time_point at;
  };

  void Work();

  std::mutex mutex;
  std::condition_variable changed;
  std::map<uint32_t, Answer> answers;
  std::deque<uint32_t> questions;
  bool started = false;
  bool stopping = false;
};

void UserNames::Shared::Work() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    changed.wait(lock, [&] { return stopping || !questions.empty(); });
    if (stopping) return;
    const uint32_t uid = questions.front();
    lock.unlock();
    std::string name = LookUp(uid);
    lock.lock();
    questions.pop_front();
    if (answers.size() >= kMostUsers) answers.clear();
    answers[uid] = {std::move(name), Steady::now()};
  }
}

UserNames::UserNames() : shared_(std::make_shared<Shared>()) {}

UserNames::~UserNames() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stopping = true;
  shared_->changed.notify_all();
}

const std::string* UserNames::Find(uint32_t uid) {
  thread_local std::string name;
  const std::lock_guard lock(shared_->mutex);
  const auto at = shared_->answers.find(uid);
  const bool known = at != shared_->answers.end();
  const bool fresh = known && Steady::now() - at->second.at < kRemembered;
  auto& questions = shared_->questions;
  const bool asked = std::find(questions.begin(), questions.end(), uid) != questions.end();
  if (!fresh && !asked && questions.size() < kMostQuestions) {
    questions.push_back(uid);
    shared_->changed.notify_all();
    if (!shared_->started) {
      try {
        std::thread([shared = shared_] { shared->Work(); }).detach();
        shared_->started = true;
      } catch (const std::system_error& error) {
        base::LogError("cannot start the thread for user names", {{"err", error.what()}});
      }
    }
  }
  if (!known) return nullptr;
  name = at->second.name;
  return &name;
}

}  // namespace slurmscope::agent::job
