#include "notify/sender.h"

#include <chrono>

#include "base/duration.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::notify {
namespace {

using base::Result;

constexpr uint64_t kMaxAnswerBytes = 1 << 20;

bool IsGood(const Result<http::ClientResponse>& result) {
  return result && result->status / 100 == 2;
}

}  // namespace

std::string AlertsJson(const std::vector<AlertPtr>& alerts) {
  std::string out;
  base::JsonWriter json(out);
  json.BeginArray();
  for (const AlertPtr& alert : alerts) {
    json.BeginObject().Key("annotations").BeginObject();
    for (const auto& [name, value] : alert->annotations) json.Field(name, value);
    json.EndObject();
    if (alert->ends_at_ms != 0) json.Field("endsAt", base::FormatRfc3339Ms(alert->ends_at_ms));
    if (alert->starts_at_ms != 0)
      json.Field("startsAt", base::FormatRfc3339Ms(alert->starts_at_ms));
    json.Field("generatorURL", alert->generator_url).Key("labels").BeginObject();
    for (model::Label label : alert->labels) json.Field(label.name, label.value);
    json.EndObject().EndObject();
  }
  json.EndArray();
  return out;
}

std::shared_ptr<const config::AlertmanagerConfig> Sender::config() const {
  std::lock_guard lock(mutex_);
  return config_;
}

void Sender::SetConfig(std::shared_ptr<const config::AlertmanagerConfig> config,
                       std::shared_ptr<edge::ClientAuth> auth) {
  std::lock_guard lock(mutex_);
  config_ = std::move(config);
  auth_ = std::move(auth);
}

void Sender::Push(const std::vector<AlertPtr>& alerts) {
  std::unique_lock lock(mutex_);
  if (stopped_) return;
  queue_.insert(queue_.end(), alerts.begin(), alerts.end());
  if (queue_.size() > options_.queue_capacity) {
    size_t dropped = queue_.size() - options_.queue_capacity;
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(dropped));
    stats_.dropped += dropped;
    base::LogWarn("the queue of alerts is full, the oldest are dropped",
                  {{"alertmanager", url_}, {"dropped", dropped}});
  }
  SendNext(lock);
}

// One request at a time: an Alertmanager that is slow gets larger batches, not more requests.
void Sender::SendNext(std::unique_lock<std::mutex>& lock) {
  if (under_way_ || queue_.empty()) {
    if (!under_way_) empty_.notify_all();
    return;
  }
  size_t n = std::min(queue_.size(), options_.batch_size);
  auto end = queue_.begin() + static_cast<std::ptrdiff_t>(n);
  std::vector<AlertPtr> batch(queue_.begin(), end);
  queue_.erase(queue_.begin(), end);
  under_way_ = true;
  auto request = std::make_shared<http::ClientRequest>(MakeRequest(batch));
  const auto auth = auth_;
  lock.unlock();
  int64_t begin = clock_.SteadyNs();
  auth->Get([self = shared_from_this(), n, begin,
             request](const Result<edge::ClientAuth::Settings>& settings) {
    if (!settings) return self->Finished(n, begin, base::Fail(settings.error()));
    request->settings = *settings;
    self->client_.Fetch(request, [self, n, begin](const Result<http::ClientResponse>& result) {
      self->Finished(n, begin, result);
    });
  });
}

void Sender::Finished(size_t alerts, int64_t begin_ns, const Result<http::ClientResponse>& result) {
  bool good = IsGood(result);
  if (!good) {
    std::string reason = result ? base::StrCat("bad response status ", result->status, ": ",
                                               std::string_view(result->body).substr(0, 200))
                                : result.error().message();
    base::LogError("alerts could not be told",
                   {{"alertmanager", url_}, {"alerts", alerts}, {"error", reason}});
  }
  std::unique_lock lock(mutex_);
  under_way_ = false;
  const int64_t now_ns = clock_.SteadyNs();
  durations_.Observe(static_cast<double>(now_ns - begin_ns) / 1e9, now_ns);
  // Counted as in Prometheus: what failed was sent, too.
  stats_.sent += alerts;
  if (!good) {
    stats_.errors += alerts;
    stats_.dropped += alerts;
  }
  bool stopping = !result && result.error().code() == base::ErrorCode::kCanceled;
  if (stopping) queue_.clear();
  SendNext(lock);
}

http::ClientRequest Sender::MakeRequest(const std::vector<AlertPtr>& batch) const {
  http::ClientRequest request;
  request.method = "POST";
  request.url = url_;
  request.timeout_ms = config_->timeout_ms;
  request.follow_redirects = config_->http.follow_redirects;
  request.max_body_bytes = kMaxAnswerBytes;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = AlertsJson(batch);
  return request;
}

void Sender::Stop(bool drain) {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  if (!drain) {
    stats_.dropped += queue_.size();
    queue_.clear();
  }
}

bool Sender::WaitUntilEmpty(int64_t deadline_ns) {
  std::unique_lock lock(mutex_);
  int64_t left = std::max<int64_t>(0, deadline_ns - clock_.SteadyNs());
  return empty_.wait_for(lock, std::chrono::nanoseconds(left),
                         [this] { return queue_.empty() && !under_way_; });
}

SenderStats Sender::stats() const {
  std::lock_guard lock(mutex_);
  SenderStats stats = stats_;
  stats.url = url_;
  stats.queued = queue_.size();
  stats.requests = durations_.Read(LatencyRanks(), clock_.SteadyNs());
  return stats;
}

const std::vector<double>& LatencyRanks() {
  static const std::vector<double> ranks = {0.5, 0.9, 0.99};
  return ranks;
}

}  // namespace slurmscope::notify
