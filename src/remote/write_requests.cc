#include "remote/write_requests.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace slurmscope::remote {
namespace {

constexpr uint64_t kMaxAnswerBytes = 1 << 20;

}  // namespace

struct WriteRequests::Inbox {
  void Put(Done done) {
    const std::lock_guard lock(mutex);
    answers.push_back(std::move(done));
    changed.notify_one();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Done> answers;
  bool woken = false;
};

WriteRequests::WriteRequests(const config::RemoteWriteConfig& config, http::Client& client,
                             const base::Clock& clock)
    : url_(config.url),
      timeout_ms_(config.timeout_ms),
      follow_redirects_(config.http.follow_redirects),
      shuffle_addresses_(config.round_robin_dns),
      headers_(config.headers.begin(), config.headers.end()),
      client_(client),
      clock_(clock),
      auth_(std::make_shared<edge::ClientAuth>(config.http, client, clock)),
      inbox_(std::make_shared<Inbox>()) {}

void WriteRequests::Send(uint64_t id, WriteVersion version, std::string body) {
  bool v2 = version == WriteVersion::kV2;
  auto request = std::make_shared<http::ClientRequest>();
  request->method = "POST";
  request->url = url_;
  request->timeout_ms = timeout_ms_;
  request->follow_redirects = follow_redirects_;
  request->shuffle_addresses = shuffle_addresses_;
  request->max_body_bytes = kMaxAnswerBytes;
  request->headers = headers_;
  request->headers.emplace_back("Content-Encoding", "snappy");
  request->headers.emplace_back("Content-Type",
                                v2 ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                                   : "application/x-protobuf");
  request->headers.emplace_back("X-Prometheus-Remote-Write-Version", v2 ? "2.0.0" : "0.1.0");
  request->body = std::move(body);
  int64_t begin = clock_.SteadyNs();
  auto finish = [inbox = inbox_, id, begin,
                 &clock = clock_](base::Result<http::ClientResponse> result) {
    double seconds = static_cast<double>(clock.SteadyNs() - begin) / 1e9;
    inbox->Put({id, std::move(result), seconds});
  };
  auth_->Get([&client = client_, request,
              finish](const base::Result<edge::ClientAuth::Settings>& settings) {
    if (!settings) return finish(base::Fail(settings.error()));
    request->settings = *settings;
    client.Fetch(request, [finish](base::Result<http::ClientResponse>&& result) {
      finish(std::move(result));
    });
  });
}

std::vector<WriteRequests::Done> WriteRequests::Take() {
  const std::lock_guard lock(inbox_->mutex);
  return std::exchange(inbox_->answers, {});
}

void WriteRequests::Wait(int64_t until_ns) {
  std::unique_lock lock(inbox_->mutex);
  const auto wait = std::chrono::nanoseconds(until_ns - clock_.SteadyNs());
  if (wait.count() > 0) {
    inbox_->changed.wait_for(lock, wait,
                             [this] { return inbox_->woken || !inbox_->answers.empty(); });
  }
  inbox_->woken = false;
}

void WriteRequests::Wake() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->woken = true;
  inbox_->changed.notify_one();
}

}  // namespace slurmscope::remote
