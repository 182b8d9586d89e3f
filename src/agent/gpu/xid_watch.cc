#include "agent/gpu/xid_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

constexpr uint32_t kWaitMs = 2000;
constexpr auto kStopPatience = std::chrono::seconds(5);
constexpr auto kPauseAfterError = std::chrono::seconds(1);

// The clock of the kernel's log.
int64_t MonotonicUs() {
  timespec up{};
  ::clock_gettime(CLOCK_MONOTONIC, &up);
  return up.tv_sec * 1'000'000 + up.tv_nsec / 1000;
}

}  // namespace

struct DriverEvents::Shared {
  std::shared_ptr<Nvml> nvml;
  std::shared_ptr<XidLog> log;
  NvmlEventSet set = nullptr;
  std::vector<std::pair<NvmlDevice, PciKey>> devices;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  bool ended = false;

  void Work();
  void Take(const NvmlEventData& event);
};

void DriverEvents::Shared::Take(const NvmlEventData& event) {
  if (event.type != kNvmlEventXid) return;
  const auto device = std::find_if(devices.begin(), devices.end(),
                                   [&](const auto& d) { return d.first == event.device; });
  if (device == devices.end()) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  log->Add({.from = XidFrom::kDriver,
            .pci = device->second,
            .instance = event.gpu_instance,
            .xid = event.data,
            .time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
            .arrived_ms = MonotonicUs() / 1000});
}

void DriverEvents::Shared::Work() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    lock.unlock();
    NvmlEventData event{nullptr, 0, 0, kNvmlNoInstance, kNvmlNoInstance};
    const int result = nvml->event_wait(set, &event, kWaitMs);
    if (result == kNvmlOk) Take(event);
    lock.lock();
    // A broken driver answers at once: do not spin.
    if (result != kNvmlOk && result != kNvmlTimeout) {
      changed.wait_for(lock, kPauseAfterError, [&] { return stopping; });
    }
  }
  lock.unlock();
  nvml->event_set_free(set);
  lock.lock();
  ended = true;
  changed.notify_all();
}

void DriverEvents::Start(std::shared_ptr<Nvml> nvml,
                         const std::vector<std::pair<NvmlDevice, PciKey>>& devices) {
  Stop(kStopPatience);
  auto shared = std::make_shared<Shared>();
  shared->nvml = std::move(nvml);
  shared->log = log_;
  shared->devices = devices;
  if (shared->nvml->event_set_create(&shared->set) != kNvmlOk) return;
  size_t registered = 0;
  for (const auto& [device, pci] : devices) {
    if (shared->nvml->register_events(device, kNvmlEventXid, shared->set) == kNvmlOk) ++registered;
  }
  if (registered == 0) {
    shared->nvml->event_set_free(shared->set);
    return;
  }
  try {
    std::thread([shared] { shared->Work(); }).detach();
    shared_ = std::move(shared);
  } catch (const std::system_error& error) {
    shared->nvml->event_set_free(shared->set);
    base::LogError("cannot start the thread for XID events", {{"err", error.what()}});
  }
}

DriverEvents::~DriverEvents() { Stop(kStopPatience); }

bool DriverEvents::AskToStop() {
  if (shared_ == nullptr) return true;
  const std::lock_guard lock(shared_->mutex);
  shared_->stopping = true;
  shared_->changed.notify_all();
  return shared_->ended;
}

bool DriverEvents::Stop(std::chrono::milliseconds patience) {
  const auto shared = std::move(shared_);
  if (shared == nullptr) return true;
  std::unique_lock lock(shared->mutex);
  shared->stopping = true;
  shared->changed.notify_all();
  return shared->changed.wait_for(lock, patience, [&] { return shared->ended; });
}

std::optional<int64_t> KernelRecordTimeUs(std::string_view record) {
  for (int i = 0; i < 2; ++i) {
    const size_t comma = record.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    record.remove_prefix(comma + 1);
  }
  return base::ParseInt<int64_t>(record.substr(0, record.find_first_of(",;")));
}

struct KernelLogWatch::Shared {
  base::File log_file;
  base::File stop;  // an eventfd
  std::shared_ptr<XidLog> log;
  const base::Clock* clock = nullptr;
  int64_t start_us = 0;
  std::thread thread;

  void Work();
  bool ReadRecords();
  void Take(std::string_view record);
};

void KernelLogWatch::Shared::Take(std::string_view record) {
  const auto xid = ParseKernelXid(record);
  if (!xid) return;
  const auto time_us = KernelRecordTimeUs(record);
  const int64_t now_us = MonotonicUs();
  // By the wall clock as it is now: at boot it may have been set later.
  const int64_t age_us = time_us ? std::max<int64_t>(now_us - *time_us, 0) : 0;
  log->Add({.from = XidFrom::kKernelLog,
            .pci = xid->pci,
            .xid = xid->xid,
            .time_ms = clock->NowMs() - age_us / 1000,
            .arrived_ms = now_us / 1000,
            .counted = !time_us || *time_us >= start_us});
}

// One read gives one record. False at the end of a file that is no device.
bool KernelLogWatch::Shared::ReadRecords() {
  char buffer[8192];
  for (;;) {
    const ssize_t n = ::read(log_file.fd(), buffer, sizeof buffer);
    if (n > 0) Take({buffer, static_cast<size_t>(n)});
    // EPIPE: records were overwritten before we came; the next read goes on after them.
    const bool more = n > 0 || (n < 0 && (errno == EPIPE || errno == EINTR || errno == EINVAL));
    if (!more) return n < 0 && errno == EAGAIN;
  }
}

void KernelLogWatch::Shared::Work() {
  pollfd fds[] = {{log_file.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}};
  for (;;) {
    if (!ReadRecords()) fds[0].fd = -1;
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
  }
}

KernelLogWatch::KernelLogWatch(const std::string& path, std::shared_ptr<XidLog> log,
                               const base::Clock& clock) {
  auto file = base::File::Open(path, O_RDONLY | O_NONBLOCK);
  if (!file) {
    base::LogInfo("XIDs of the kernel's log are not read", {{"err", file.error()}});
    return;
  }
  shared_ = std::make_unique<Shared>();
  shared_->log_file = *std::move(file);
  shared_->stop = base::File(::eventfd(0, EFD_CLOEXEC));
  shared_->log = std::move(log);
  shared_->clock = &clock;
  shared_->start_us = MonotonicUs();
  try {
    shared_->thread = std::thread([shared = shared_.get()] { shared->Work(); });
  } catch (const std::system_error& error) {
    base::LogError("cannot start the thread for the kernel's log", {{"err", error.what()}});
    shared_.reset();
  }
}

KernelLogWatch::~KernelLogWatch() {
  if (shared_ == nullptr) return;
  ::eventfd_write(shared_->stop.fd(), 1);
  shared_->thread.join();
}

}  // namespace slurmscope::agent::gpu
