#include "remote/write_shards.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/strings.h"
#include "remote/snappy_block.h"
#include "remote/write_outcome.h"

namespace slurmscope::remote {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kLogPauseNs = 60'000 * kMs;

}  // namespace

WriteShards::WriteShards(const config::RemoteWriteConfig& config, WriteRequests& requests,
                         const base::Clock& clock, model::LogPosition maybe_seen, WriteStats* stats)
    : config_(config),
      requests_(requests),
      clock_(clock),
      maybe_seen_(maybe_seen),
      stats_(stats),
      version_(config.v2 ? WriteVersion::kV2 : WriteVersion::kV1),
      shards_(config.queue.min_shards) {}

bool WriteShards::HasRoom(model::SeriesRef ref) const {
  return shards_[ref % shards_.size()].waiting.size() < config_.queue.capacity;
}

void WriteShards::BeginBatch(const model::LogPosition& end, uint64_t items) {
  batch_ = acks_.Add(end, items);
  if (end <= maybe_seen_) first_new_batch_ = batch_ + 1;
}

void WriteShards::Push(OutgoingItem item) {
  item.batch = batch_;
  ++CountsOf(item).pending;
  Shard& shard = shards_[item.series->ref % shards_.size()];
  if (shard.waiting.empty()) shard.since_ns = clock_.SteadyNs();
  shard.waiting.push_back(std::move(item));
}

bool WriteShards::IsDue(const Shard& shard, int64_t now_ns, bool flush) const {
  if (shard.delivery) return !shard.delivery->in_air && shard.delivery->retry_at_ns <= now_ns;
  if (shard.waiting.empty() || resize_to_) return false;
  return flush || shard.waiting.size() >= config_.queue.max_samples_per_send ||
         shard.since_ns + config_.queue.batch_send_deadline_ms * kMs <= now_ns;
}

void WriteShards::Start(bool flush) {
  // One that tries again may do so for long: the others are not to wait for it.
  if (resize_to_ && failing()) resize_to_.reset();
  if (resize_to_ && std::none_of(shards_.begin(), shards_.end(),
                                 [](const Shard& shard) { return shard.delivery.has_value(); })) {
    Redistribute();
  }
  int64_t now_ns = clock_.SteadyNs();
  for (size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = shards_[i];
    if (!IsDue(shard, now_ns, flush)) continue;
    if (!shard.delivery) Begin(shard, now_ns);
    DropTooOld(shard);
    if (shard.delivery) Send(i);
  }
}

void WriteShards::Begin(Shard& shard, int64_t now_ns) {
  size_t count = std::min<size_t>(shard.waiting.size(), config_.queue.max_samples_per_send);
  auto end = shard.waiting.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<OutgoingItem> items(std::make_move_iterator(shard.waiting.begin()),
                                  std::make_move_iterator(end));
  shard.waiting.erase(shard.waiting.begin(), end);
  shard.since_ns = now_ns;
  shard.delivery.emplace(std::move(items));
}

void WriteShards::DropTooOld(Shard& shard) {
  if (config_.queue.sample_age_limit_ms == 0) return;
  shard.delivery->DropOlderThan(clock_.NowMs() - config_.queue.sample_age_limit_ms,
                                [&](const OutgoingItem& item) {
                                  SentCounts& counts = CountsOf(item);
                                  ++counts.dropped_too_old;
                                  --counts.pending;
                                  acks_.Done(item.batch);
                                });
  if (shard.delivery->done()) shard.delivery.reset();
}

void WriteShards::Send(size_t index) {
  Delivery& delivery = *shards_[index].delivery;
  const OutgoingItem* items = delivery.part();
  for (size_t i = 0; i < delivery.part_size(); ++i) {
    ++CountsOf(items[i]).sent;
    if (delivery.backoff_ms > 0) ++CountsOf(items[i]).retried;
  }
  std::string body = SnappyEncode(EncodeWrite(version_, items, delivery.part_size()));
  delivery.in_air = true;
  delivery.version = version_;
  delivery.body_bytes = body.size();
  requests_.Send(index, version_, std::move(body));
}

void WriteShards::TakeAnswer(const WriteRequests::Done& done) {
  Shard& shard = shards_[done.id];
  shard.delivery->in_air = false;
  WriteOutcome outcome = JudgeWrite(done.result, shard.delivery->version,
                                    config_.queue.retry_on_http_429, clock_.NowMs());
  switch (outcome.kind) {
    case WriteOutcome::Kind::kTaken:
      work_.seconds += done.seconds;
      work_.samples += static_cast<double>(shard.delivery->part_size());
      stats_->requests.Add(done.seconds);
      stats_->bytes += shard.delivery->body_bytes;
      return FinishPart(shard, true);
    case WriteOutcome::Kind::kRetry:
      return TryAgain(shard, outcome.retry_after_ms, outcome.reason);
    case WriteOutcome::Kind::kOtherVersion:
      if (version_ == WriteVersion::kV2) {
        base::LogWarn("the receiver of remote write does not know 2.0, 1.0 is sent",
                      {{"remote_name", config_.name}, {"answer", outcome.reason}});
      }
      version_ = WriteVersion::kV1;
      return;  // once more, in the other version
    case WriteOutcome::Kind::kTooLarge:
      if (shard.delivery->Split()) return;
      break;
    case WriteOutcome::Kind::kRefused:
      if (MaybeSeen(shard) && shard.delivery->Split()) return;
      break;
  }
  GiveUp(shard, outcome.reason);
}

bool WriteShards::MaybeSeen(const Shard& shard) const {
  const OutgoingItem* items = shard.delivery->part();
  return std::any_of(items, items + shard.delivery->part_size(),
                     [&](const OutgoingItem& item) { return item.batch < first_new_batch_; });
}

void WriteShards::GiveUp(Shard& shard, const std::string& reason) {
  int64_t now_ns = clock_.SteadyNs();
  if (!MaybeSeen(shard) && now_ns >= quiet_until_ns_) {
    quiet_until_ns_ = now_ns + kLogPauseNs;
    base::LogError(
        "samples are refused by the receiver of remote write and not sent again",
        {{"remote_name", config_.name}, {"count", shard.delivery->part_size()}, {"error", reason}});
  }
  FinishPart(shard, false);
}

void WriteShards::FinishPart(Shard& shard, bool taken) {
  Delivery& delivery = *shard.delivery;
  const OutgoingItem* items = delivery.part();
  for (size_t i = 0; i < delivery.part_size(); ++i) {
    SentCounts& counts = CountsOf(items[i]);
    --counts.pending;
    if (!taken) ++counts.failed;
    if (taken) stats_->highest_sent_ms = std::max(stats_->highest_sent_ms, items[i].t);
    acks_.Done(items[i].batch);
  }
  delivery.Next();
  delivery.backoff_ms = 0;
  delivery.retry_at_ns = 0;
  if (delivery.done()) shard.delivery.reset();
}

void WriteShards::TryAgain(Shard& shard, int64_t retry_after_ms, const std::string& reason) {
  Delivery& delivery = *shard.delivery;
  int64_t pause =
      std::max<int64_t>({1, delivery.backoff_ms, config_.queue.min_backoff_ms, retry_after_ms});
  int64_t now_ns = clock_.SteadyNs();
  if (now_ns >= quiet_until_ns_) {
    quiet_until_ns_ = now_ns + kLogPauseNs;
    base::LogWarn("samples could not be sent by remote write, they are kept and sent again",
                  {{"remote_name", config_.name}, {"error", reason}});
  }
  delivery.retry_at_ns = now_ns + pause * kMs;
  delivery.backoff_ms = std::min(2 * pause, std::max<int64_t>(1, config_.queue.max_backoff_ms));
}

void WriteShards::Resize(size_t shards) {
  if (shards != shards_.size()) resize_to_ = shards;
}

void WriteShards::Redistribute() {
  std::vector<Shard> before(*resize_to_);
  before.swap(shards_);
  resize_to_.reset();
  for (Shard& old : before) {
    for (OutgoingItem& item : old.waiting) {
      Shard& shard = shards_[item.series->ref % shards_.size()];
      if (shard.waiting.empty() || old.since_ns < shard.since_ns) shard.since_ns = old.since_ns;
      shard.waiting.push_back(std::move(item));
    }
  }
}

bool WriteShards::empty() const {
  return std::all_of(shards_.begin(), shards_.end(),
                     [](const Shard& shard) { return !shard.delivery && shard.waiting.empty(); });
}

bool WriteShards::in_air() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const Shard& shard) { return shard.delivery && shard.delivery->in_air; });
}

bool WriteShards::failing() const {
  return std::any_of(shards_.begin(), shards_.end(), [](const Shard& shard) {
    return shard.delivery && shard.delivery->backoff_ms > 0;
  });
}

int64_t WriteShards::next_due_ns(bool flush) const {
  int64_t next = kNever;
  for (const Shard& shard : shards_) {
    if (shard.delivery) {
      if (!shard.delivery->in_air) next = std::min(next, shard.delivery->retry_at_ns);
    } else if (!shard.waiting.empty() && !resize_to_) {
      bool full = flush || shard.waiting.size() >= config_.queue.max_samples_per_send;
      next = std::min(next, full ? 0 : shard.since_ns + config_.queue.batch_send_deadline_ms * kMs);
    }
  }
  return next;
}

uint64_t WriteShards::waiting() const {
  uint64_t all = 0;
  for (const SentCounts& counts : stats_->kinds) all += counts.pending;
  return all;
}

WriteShards::Work WriteShards::TakeWork() { return std::exchange(work_, {}); }

}  // namespace slurmscope::remote
