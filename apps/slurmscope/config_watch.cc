#include "config_watch.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/glob.h"

namespace slurmscope::app {
namespace {

constexpr size_t kMaxFiles = 10'000;
constexpr uint64_t kMaxFileBytes = 64 << 20;

}  // namespace

uint64_t ConfigWatch::Fingerprint(const std::vector<std::string>& globs) {
  std::string all;
  for (const std::string& glob : globs) {
    for (const std::string& path : base::Glob(glob, kMaxFiles)) {
      base::PutUvarintString(all, path);
      const auto text = base::ReadFile(path, kMaxFileBytes);
      base::PutUvarint(all, text ? base::Hash64(*text) : 0);
    }
  }
  return base::Hash64(all);
}

ConfigWatch::ConfigWatch(int64_t interval_ms, Files files, std::function<void()> changed)
    : interval_(interval_ms),
      files_(std::move(files)),
      changed_(std::move(changed)),
      known_(Fingerprint(files_())),
      thread_([this] { Run(); }) {}

ConfigWatch::~ConfigWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_changed_.notify_all();
  thread_.join();
}

// A configuration that is not taken is not tried again before it changes; one that is taken may
// name other files.
void ConfigWatch::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_changed_.wait_for(lock, interval_, [this] { return stopping_; })) {
    lock.unlock();
    const uint64_t now = Fingerprint(files_());
    if (now != known_) {
      changed_();
      known_ = Fingerprint(files_());
    }
    lock.lock();
  }
}

}  // namespace slurmscope::app
