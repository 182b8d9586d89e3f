#include "api/notifications.h"

#include <algorithm>

#include "api/response.h"
#include "base/duration.h"
#include "base/strings.h"

namespace slurmscope::api {
namespace {

void Write(base::JsonWriter& json, const Notification& notification) {
  json.BeginObject().Field("text", notification.text);
  json.Field("date", base::FormatRfc3339Ms(notification.date_ms));
  json.Field("active", notification.active).EndObject();
}

// One of https://html.spec.whatwg.org/multipage/server-sent-events.html.
std::string EventOf(const Notification& notification) {
  std::string event = "data: ";
  base::JsonWriter json(event);
  Write(json, notification);
  return event + "\n\n";
}

}  // namespace

void Notifications::Add(std::string_view text) {
  const std::lock_guard lock(mutex_);
  for (const Notification& each : active_) {
    if (each.text == text) return;
  }
  active_.push_back({std::string(text), clock_.NowMs(), true});
  Tell(active_.back());
}

void Notifications::Remove(std::string_view text) {
  const std::lock_guard lock(mutex_);
  auto found = std::find_if(active_.begin(), active_.end(),
                            [&](const Notification& each) { return each.text == text; });
  if (found == active_.end()) return;
  Notification gone = std::move(*found);
  active_.erase(found);
  gone.active = false;
  Tell(gone);
}

void Notifications::Tell(const Notification& notification) {
  const std::string event = EventOf(notification);
  for (const auto& subscriber : subscribers_) ++(subscriber->Push(event) ? sent_ : dropped_);
  DropClosed();
}

void Notifications::DropClosed() {
  subscribers_.remove_if([](const auto& subscriber) { return subscriber->closed(); });
}

std::vector<Notification> Notifications::active() const {
  const std::lock_guard lock(mutex_);
  return active_;
}

std::shared_ptr<http::EventQueue> Notifications::Subscribe() {
  const std::lock_guard lock(mutex_);
  DropClosed();
  if (subscribers_.size() >= max_subscribers_) return nullptr;
  auto queue = std::make_shared<http::EventQueue>();
  for (const Notification& each : active_) ++(queue->Push(EventOf(each)) ? sent_ : dropped_);
  subscribers_.push_back(queue);
  return queue;
}

NotificationStats Notifications::stats() const {
  const std::lock_guard lock(mutex_);
  return {active_.size(), subscribers_.size(), sent_, dropped_};
}

void Notifications::Register(http::Router& router) {
  router.Add("GET", "/api/v1/notifications", [this](const http::Request&) {
    return SuccessResponse([&](base::JsonWriter& json) {
      json.BeginArray();
      for (const Notification& each : active()) Write(json, each);
      json.EndArray();
    });
  });
  router.Add("GET", "/api/v1/notifications/live", [this](const http::Request& request) {
    http::Response response;
    if (request.method == "HEAD") return response;
    response.events = Subscribe();
    // As Prometheus refuses one more.
    if (!response.events) return http::Response::Text(204, "");
    response.content_type = "text/event-stream";
    response.headers.emplace_back("Cache-Control", "no-cache");
    response.body = ": connected\n\n";  // a comment, so that the client sees that it is connected
    return response;
  });
}

}  // namespace slurmscope::api
