#include "remote/metadata_sender.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "remote/snappy_block.h"
#include "remote/write_outcome.h"

namespace slurmscope::remote {
namespace {

constexpr int64_t kMs = 1'000'000;

}  // namespace

MetadataSender::MetadataSender(const config::RemoteWriteConfig& config, WriteRequests& requests,
                               const base::Clock& clock, WriteStats* stats)
    : config_(config),
      requests_(requests),
      clock_(clock),
      stats_(stats),
      round_ns_(clock.SteadyNs() + config.metadata.send_interval_ms * kMs) {}

int64_t MetadataSender::next_due_ns() const {
  if (in_air_ > 0) return std::numeric_limits<int64_t>::max();
  return sent_ < families_.size() ? std::min(retry_ns_, round_ns_) : round_ns_;
}

void MetadataSender::Start(const FamilySource& source) {
  int64_t now_ns = clock_.SteadyNs();
  if (in_air_ > 0) return;
  // What is left of the round before is in the next one, too.
  if (now_ns >= round_ns_) {
    families_ = source();
    sent_ = 0;
    backoff_ms_ = 0;
    retry_ns_ = 0;
    round_ns_ = now_ns + config_.metadata.send_interval_ms * kMs;
  }
  if (sent_ < families_.size() && now_ns >= retry_ns_) Send();
}

void MetadataSender::Send() {
  in_air_ = std::min<size_t>(families_.size() - sent_, config_.metadata.max_samples_per_send);
  stats_->metadata_sent += in_air_;
  if (backoff_ms_ > 0) stats_->metadata_retried += in_air_;
  std::string body = SnappyEncode(EncodeMetadataV1(&families_[sent_], in_air_));
  bytes_ = body.size();
  requests_.Send(kId, WriteVersion::kV1, std::move(body));
}

void MetadataSender::TakeAnswer(const WriteRequests::Done& done) {
  size_t count = in_air_;
  in_air_ = 0;
  WriteOutcome outcome =
      JudgeWrite(done.result, WriteVersion::kV1, config_.queue.retry_on_http_429, clock_.NowMs());
  if (outcome.kind == WriteOutcome::Kind::kRetry) {
    int64_t pause =
        std::max<int64_t>({1, backoff_ms_, config_.queue.min_backoff_ms, outcome.retry_after_ms});
    retry_ns_ = clock_.SteadyNs() + pause * kMs;
    backoff_ms_ = std::min(2 * pause, std::max<int64_t>(1, config_.queue.max_backoff_ms));
    return;
  }
  if (outcome.kind == WriteOutcome::Kind::kTaken) {
    stats_->metadata_bytes += bytes_;
  } else {
    stats_->metadata_failed += count;
    base::LogDebug("metadata is refused by the receiver of remote write",
                   {{"remote_name", config_.name}, {"error", outcome.reason}});
  }
  sent_ += count;
  retry_ns_ = 0;
  backoff_ms_ = 0;
  if (sent_ >= families_.size()) families_.clear();
  if (families_.empty()) sent_ = 0;
}

}  // namespace slurmscope::remote
