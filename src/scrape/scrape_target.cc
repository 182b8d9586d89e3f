#include "scrape/scrape_target.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/float_text.h"
#include "base/log.h"
#include "base/strings.h"
#include "model/sample.h"
#include "scrape/negotiation.h"
#include "scrape/series_labels.h"

namespace slurmscope::scrape {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr std::array<std::string_view, kReports> kReportMetrics = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes"};
// The last three are written when extra_scrape_metrics asks for them.
constexpr size_t kUsualReports = 5;
constexpr int64_t kTimestampToleranceMs = 2;
// Targets start at ticks, some at once: waking up for each of them costs more than half as much as
// its scrape. Short enough for 10,000 targets of 15 s to be 33 at once.
constexpr int64_t kTicksPerInterval = 20;
constexpr int64_t kLongestTickMs = 50;

// A scrape that starts a little late is stamped as if it had been on time: even steps compress
// better.
int64_t AlignedTime(int64_t due_ms, int64_t now_ms, int64_t interval_ms) {
  int64_t tolerance = std::min(kTimestampToleranceMs, interval_ms / 100);
  return std::abs(now_ms - due_ms) <= tolerance ? due_ms : now_ms;
}

std::string_view StatusText(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

Result<void> CheckStatus(const http::ClientResponse& response) {
  if (response.status == 200) return {};
  std::string message =
      StrCat("server returned HTTP status ", response.status, " ", StatusText(response.status));
  return Fail(ErrorCode::kUnavailable, std::string(base::TrimSpace(message)));
}

uint64_t BodyLimit(const config::ScrapeConfig& config, const ManagerOptions& options) {
  return config.body_size_limit > 0 ? config.body_size_limit : options.max_body_bytes;
}

http::ClientRequest MakeRequest(const config::ScrapeConfig& config, const TargetSpec& spec,
                                const ManagerOptions& options) {
  http::ClientRequest request;
  request.url = spec.url;
  std::string timeout =
      base::FormatFloat(static_cast<double>(spec.timeout_ms) / 1000, base::FloatStyle::kFixed);
  request.headers = {{"Accept", AcceptHeader(config.negotiation)},
                     {"X-Prometheus-Scrape-Timeout-Seconds", std::move(timeout)},
                     {"User-Agent", options.user_agent}};
  request.timeout_ms = spec.timeout_ms;
  request.max_body_bytes = BodyLimit(config, options);
  request.accept_gzip = config.enable_compression;
  request.follow_redirects = config.http.follow_redirects;
  request.repeats = true;
  return request;
}

void Commit(model::Appender& appender, std::string_view url) {
  if (Result<void> done = appender.Commit(); !done) {
    // The storage tells when it stops taking samples: this would be a line for each scrape.
    base::LogDebug("Scrape commit failed", {{"target", url}, {"err", done.error()}});
  }
}

}  // namespace

ScrapeTarget::ScrapeTarget(TargetSpec spec, Config config, Auth auth, FamilyPool& families)
    : hash_(spec.Hash()),
      metadata_(families),
      spec_(std::move(spec)),
      config_(std::move(config)),
      auth_(std::move(auth)) {}

void ScrapeTarget::Configure(TargetSpec spec, Config config, Auth auth) {
  std::lock_guard lock(mutex_);
  if (spec.interval_ms != spec_.interval_ms) ++generation_;
  if (config != config_) reconfigured_ = true;
  spec_ = std::move(spec);
  config_ = std::move(config);
  auth_ = std::move(auth);
  request_.reset();
}

void ScrapeTarget::SetForcedError(std::string error) {
  std::lock_guard lock(mutex_);
  forced_error_ = std::move(error);
}

void ScrapeTarget::SetFailureLog(std::shared_ptr<FailureLog> log) {
  std::lock_guard lock(mutex_);
  failures_ = std::move(log);
}

std::optional<ScrapeStart> ScrapeTarget::Begin(int64_t due_ms, const base::Clock& clock,
                                               const ManagerOptions& options) {
  std::lock_guard lock(mutex_);
  if (running_ || retired_) return std::nullopt;
  running_ = true;
  ScrapeStart start;
  start.time_ms = AlignedTime(due_ms, clock.NowMs(), spec_.interval_ms);
  start.steady_ns = clock.SteadyNs();
  start.forced_error = forced_error_;
  start.auth = auth_;
  start.body_limit = BodyLimit(*config_, options);
  start.start_times = options.start_times;
  start.interval_ms = spec_.interval_ms;
  start.since_last_ns = last_start_ns_ == 0 ? 0 : start.steady_ns - last_start_ns_;
  last_start_ns_ = start.steady_ns;
  return start;
}

std::shared_ptr<const http::ClientRequest> ScrapeTarget::RequestWith(
    const edge::ClientAuth::Settings& settings, const ManagerOptions& options) {
  std::lock_guard lock(mutex_);
  if (request_ && request_->settings == settings) return request_;
  http::ClientRequest request = MakeRequest(*config_, spec_, options);
  request.settings = settings;
  request_ = std::make_shared<const http::ClientRequest>(std::move(request));
  return request_;
}

ScrapeTarget::Settings ScrapeTarget::TakeSettings() {
  std::lock_guard lock(mutex_);
  if (std::exchange(reconfigured_, false)) cache_.Forget();
  return {config_, spec_.labels, spec_.url, spec_.timeout_ms};
}

void ScrapeTarget::Finish(const ScrapeStart& start, const Result<http::ClientResponse>& response,
                          model::Appendable& storage, const base::Clock& clock,
                          ScrapeCounters& counters) {
  Settings settings = TakeSettings();
  IngestCounts counts;
  std::string error;
  std::unique_ptr<model::Appender> appender = storage.NewAppender();
  Result<void> done = response ? CheckStatus(*response) : Result<void>(Fail(response.error()));
  bool too_large = !response && response.error().code() == ErrorCode::kResourceExhausted;
  if (too_large) {
    ++counters.exceeded_body_size_limit;
    done = Fail(ErrorCode::kResourceExhausted, StrCat("body size limit of ", start.body_limit,
                                                      " bytes exceeded (body_size_limit)"));
  }
  if (done) done = Append(*response, start, settings, *appender, &counts);
  if (!done) {
    error = done.error().message();
    appender->Rollback();
    appender = storage.NewAppender();
    cache_.MarkAllStale(*appender, start.time_ms);
    ++counters.scrapes_failed;
  }
  double seconds = static_cast<double>(clock.SteadyNs() - start.steady_ns) * 1e-9;
  auto figure = [](uint64_t value) { return static_cast<double>(value); };
  double body_bytes = too_large ? -1 : response ? figure(response->body.size()) : 0;
  Report(settings, start.time_ms,
         {done ? 1.0 : 0.0, seconds, figure(counts.scraped), figure(counts.after_relabel),
          figure(counts.series_added), static_cast<double>(settings.timeout_ms) / 1000,
          figure(settings.config->sample_limit), body_bytes},
         *appender);
  Commit(*appender, settings.url);

  ++counters.scrapes;
  if (done) counters.samples_appended += counts.appended;
  counters.out_of_order += counts.out_of_order;
  counters.duplicate_timestamp += counts.duplicate;
  counters.out_of_bounds += counts.out_of_bounds;
  counters.exemplar_out_of_order += counts.exemplar_out_of_order;
  counters.exceeded_sample_limit += counts.sample_limit_exceeded ? 1 : 0;
  counters.exceeded_label_limits += counts.label_limit_exceeded ? 1 : 0;
  counters.exceeded_bucket_limit += counts.bucket_limit_exceeded ? 1 : 0;
  LogRejected(settings, counts);
  cache_entries_ = cache_.size();
  WriteStatus(start, error, seconds);
}

Result<void> ScrapeTarget::Append(const http::ClientResponse& response, const ScrapeStart& start,
                                  const Settings& settings, model::Appender& appender,
                                  IngestCounts* counts) {
  BodyFormat format = TRY(FormatOf(response.content_type, settings.config->negotiation));
  Result<void> done = cache_.Ingest(
      response.body,
      {*settings.config, settings.labels, format, start.time_ms, metadata_, start.start_times},
      appender, counts);
  done ? cache_.Accept() : cache_.Discard();
  return done;
}

void ScrapeTarget::Report(const Settings& settings, int64_t time_ms,
                          const std::array<double, kReports>& values, model::Appender& appender) {
  size_t count = settings.config->negotiation.extra_metrics ? kReports : kUsualReports;
  for (size_t i = 0; i < count; ++i) {
    model::AppendResult result{model::AppendStatus::kUnknownSeries, 0};
    if (reports_[i] != 0) result = appender.Append(reports_[i], {}, time_ms, values[i]);
    if (result.status == model::AppendStatus::kUnknownSeries) {
      result =
          appender.Append(0, ReportLabels(kReportMetrics[i], settings.labels), time_ms, values[i]);
    }
    reports_[i] = result.ref;
  }
}

void ScrapeTarget::LogRejected(const Settings& settings, const IngestCounts& counts) const {
  auto log = [&](std::string_view message, uint64_t number) {
    if (number == 0) return;
    base::LogWarn(message, {{"scrape_pool", settings.config->job_name},
                            {"target", settings.url},
                            {"num_dropped", number}});
  };
  log("Error on ingesting out-of-order samples", counts.out_of_order);
  log("Error on ingesting samples with different value but same timestamp", counts.duplicate);
  log("Error on ingesting samples that are too old or are too far into the future",
      counts.out_of_bounds);
}

void ScrapeTarget::WriteStatus(const ScrapeStart& start, const std::string& error, double seconds) {
  std::lock_guard lock(mutex_);
  if (error != status_.last_error && !error.empty()) {
    base::LogDebug("Scrape failed",
                   {{"scrape_pool", config_->job_name}, {"target", spec_.url}, {"err", error}});
  }
  if (!error.empty() && failures_) failures_->Write(config_->job_name, spec_.url, error);
  status_.health = error.empty() ? Health::kUp : Health::kDown;
  status_.last_error = error;
  status_.last_scrape_ms = start.time_ms;
  status_.last_scrape_duration_seconds = seconds;
}

bool ScrapeTarget::EndScrape() {
  std::lock_guard lock(mutex_);
  running_ = retired_;
  return retired_;
}

bool ScrapeTarget::Retire() {
  std::lock_guard lock(mutex_);
  if (std::exchange(retired_, true) || running_) return false;
  running_ = true;
  return true;
}

void ScrapeTarget::WriteEnd(model::Appendable& storage, const base::Clock& clock) {
  std::unique_ptr<model::Appender> appender = storage.NewAppender();
  TargetStatus last = status();
  // A marker in the millisecond of the last sample would be refused.
  int64_t now = std::max(clock.NowMs(), last.last_scrape_ms + 1);
  cache_.MarkAllStale(*appender, now);
  for (model::SeriesRef ref : reports_) {
    if (ref != 0) appender->Append(ref, {}, now, model::StaleNan());
  }
  Commit(*appender, last.scrape_url);
}

TargetStatus ScrapeTarget::status() const {
  std::lock_guard lock(mutex_);
  TargetStatus status = status_;
  status.discovered_labels = spec_.discovered;
  status.labels = spec_.labels;
  status.scrape_pool = config_->job_name;
  status.scrape_url = spec_.url;
  status.interval_ms = spec_.interval_ms;
  status.timeout_ms = spec_.timeout_ms;
  return status;
}

model::Labels ScrapeTarget::labels() const {
  std::lock_guard lock(mutex_);
  return spec_.labels;
}

bool ScrapeTarget::retired() const {
  std::lock_guard lock(mutex_);
  return retired_;
}

int64_t ScrapeTarget::interval_ms() const {
  std::lock_guard lock(mutex_);
  return spec_.interval_ms;
}

uint64_t ScrapeTarget::schedule_generation() const {
  std::lock_guard lock(mutex_);
  return generation_;
}

int64_t ScrapeTarget::OffsetMs(int64_t seed) const {
  const uint64_t place = hash_ ^ static_cast<uint64_t>(seed);
  const int64_t interval = interval_ms();
  const int64_t tick = std::clamp<int64_t>(interval / kTicksPerInterval, 1, kLongestTickMs);
  const auto ticks = static_cast<uint64_t>(interval / tick);
  return static_cast<int64_t>(place % ticks) * tick;
}

}  // namespace slurmscope::scrape
