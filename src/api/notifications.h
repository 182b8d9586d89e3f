#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/event_queue.h"
#include "http/server.h"

namespace slurmscope::api {

// The texts that Prometheus' UI knows.
inline constexpr std::string_view kReloadFailed = "Configuration reload has failed.";
inline constexpr std::string_view kStartingUp =
    "Prometheus is starting and replaying the write-ahead log (WAL).";
inline constexpr std::string_view kShuttingDown =
    "Prometheus is shutting down and gracefully stopping all operations.";

struct Notification {
  std::string text;
  int64_t date_ms = 0;  // since when
  bool active = true;
};

struct NotificationStats {
  size_t active = 0;
  size_t subscribers = 0;
  uint64_t sent = 0;  // to subscribers
  uint64_t dropped = 0;
};

// What the server has to say to whoever looks at its UI, now and while they look
// (/notifications, /notifications/live). Thread-safe.
class Notifications {
 public:
  explicit Notifications(size_t max_subscribers, const base::Clock& clock = base::SystemClock())
      : max_subscribers_(max_subscribers), clock_(clock) {}

  // A text that is there already stays as it is; one that is not there cannot be removed.
  void Add(std::string_view text);
  void Remove(std::string_view text);
  std::vector<Notification> active() const;
  // Tells what is active, and from then on each change. Null when there are too many already.
  std::shared_ptr<http::EventQueue> Subscribe();
  NotificationStats stats() const;

  // GET /notifications and /notifications/live, which are there before the rest of the API is.
  void Register(http::Router& router);

 private:
  void Tell(const Notification& notification);
  void DropClosed();

  const size_t max_subscribers_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;  // for all below
  std::vector<Notification> active_;
  std::list<std::shared_ptr<http::EventQueue>> subscribers_;
  uint64_t sent_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace slurmscope::api
