#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace slurmscope::app {

// Looks at files again and again, and calls back when what is in them has changed.
class ConfigWatch {
 public:
  // The files to look at now, as globs; asked each time.
  using Files = std::function<std::vector<std::string>()>;

  ConfigWatch(int64_t interval_ms, Files files, std::function<void()> changed);
  ~ConfigWatch();
  ConfigWatch(const ConfigWatch&) = delete;
  ConfigWatch& operator=(const ConfigWatch&) = delete;

  // What the files that match hold, as one number; a file that cannot be read counts by its name.
  static uint64_t Fingerprint(const std::vector<std::string>& globs);

 private:
  void Run();

  const std::chrono::milliseconds interval_;
  const Files files_;
  const std::function<void()> changed_;
  uint64_t known_;
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace slurmscope::app
