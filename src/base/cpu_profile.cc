#include "base/cpu_profile.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/file.h"

namespace slurmscope::base {
namespace {

constexpr int kPeriodUs = 10'000;
constexpr size_t kMaxSamples = 60'000;
constexpr int kMaxDepth = 48;
// The handler, and what the kernel puts between it and the code that it interrupts.
constexpr int kOwnFrames = 2;

struct Sample {
  int depth = 0;
  std::array<void*, kMaxDepth> frames;
};

// What the handler fills; a plain array, since it may neither lock nor allocate.
struct Recording {
  std::unique_ptr<Sample[]> samples = std::make_unique<Sample[]>(kMaxSamples);
  std::atomic<size_t> taken{0};
};
std::atomic<Recording*> g_recording{nullptr};
std::atomic<int> g_handlers{0};  // running

void OnTimer(int) {
  const int error = errno;
  ++g_handlers;
  if (Recording* recording = g_recording.load()) {
    const size_t number = recording->taken.fetch_add(1);
    if (number < kMaxSamples) {
      Sample& sample = recording->samples[number];
      sample.depth = backtrace(sample.frames.data(), kMaxDepth);
    }
  }
  --g_handlers;
  errno = error;
}

bool SetTimer(int period_us) {
  itimerval timer{};
  timer.it_interval.tv_usec = timer.it_value.tv_usec = period_us;
  return setitimer(ITIMER_PROF, &timer, nullptr) == 0;
}

void Put(std::string& out, uintptr_t word) {
  const char* bytes = static_cast<const char*>(static_cast<const void*>(&word));
  out.append(bytes, sizeof word);
}

std::string Encode(const Recording& recording) {
  std::string out;
  for (uintptr_t word : {0, 3, 0, kPeriodUs, 0}) Put(out, word);
  const size_t count = std::min(recording.taken.load(), kMaxSamples);
  for (size_t i = 0; i < count; ++i) {
    const Sample& sample = recording.samples[i];
    if (sample.depth <= kOwnFrames) continue;
    Put(out, 1);
    Put(out, static_cast<uintptr_t>(sample.depth - kOwnFrames));
    for (int at = kOwnFrames; at < sample.depth; ++at)
      Put(out, std::bit_cast<uintptr_t>(sample.frames[static_cast<size_t>(at)]));
  }
  for (uintptr_t word : {0, 1, 0}) Put(out, word);
  if (auto maps = ReadFile("/proc/self/maps", 16 << 20)) out += *maps;
  return out;
}

}  // namespace

Result<std::string> CpuProfile(int64_t duration_ms, const std::function<bool()>& canceled) {
  static std::mutex one_at_a_time;
  const std::unique_lock lock(one_at_a_time, std::try_to_lock);
  if (!lock) return Fail(ErrorCode::kAlreadyExists, "another profile is being made");
  // The first call loads a library, which a handler must not.
  std::array<void*, 2> warm{};
  backtrace(warm.data(), static_cast<int>(warm.size()));
  struct sigaction action {};
  action.sa_handler = &OnTimer;
  action.sa_flags = SA_RESTART;
  if (sigaction(SIGPROF, &action, nullptr) != 0) return FailErrno("SIGPROF", errno);
  Recording recording;
  g_recording = &recording;
  const bool started = SetTimer(kPeriodUs);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(duration_ms);
  while (started && std::chrono::steady_clock::now() < end && !canceled())
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  SetTimer(0);
  g_recording = nullptr;
  // A handler that has begun may still write; one that is yet to come finds nothing.
  while (g_handlers > 0) std::this_thread::yield();
  if (!started) return Fail(ErrorCode::kUnavailable, "no timer to be had");
  return Encode(recording);
}

}  // namespace slurmscope::base
