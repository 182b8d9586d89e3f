#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "config/remote.h"
#include "model/sample_log.h"
#include "remote/ack_tracker.h"
#include "remote/delivery.h"
#include "remote/write_requests.h"
#include "remote/write_stats.h"

namespace slurmscope::remote {

// The queues of one receiver: each series has its shard, each shard sends one request at a time, so
// that what is of one series stays in order. Used by one thread.
class WriteShards {
 public:
  // What was in the log up to `maybe_seen` may have been sent by an earlier process: the receiver
  // may refuse it because it has it.
  WriteShards(const config::RemoteWriteConfig& config, WriteRequests& requests,
              const base::Clock& clock, model::LogPosition maybe_seen, WriteStats* stats);

  // Room in the shard of this series, or for another batch.
  bool HasRoom(model::SeriesRef ref) const;
  bool HasRoomForBatch() const { return acks_.size() < kMaxBatches; }
  // Announces that so many items of a batch follow, each to be pushed or skipped.
  void BeginBatch(const model::LogPosition& end, uint64_t items);
  void Push(OutgoingItem item);
  void Skip() { acks_.Done(batch_); }
  // Up to where all is sent, when that moved.
  std::optional<model::LogPosition> TakeAcknowledged() { return acks_.TakeAcknowledged(); }

  // Sends what is due: full requests, those that waited long enough, and with `flush` the rest.
  void Start(bool flush);
  void TakeAnswer(const WriteRequests::Done& done);
  // Goes to this number of shards as soon as nothing is under way; does not wait for one that has
  // to try again.
  void Resize(size_t shards);

  size_t size() const { return shards_.size(); }
  bool empty() const;                     // nothing waits or is under way
  bool in_air() const;                    // a request is under way
  bool failing() const;                   // a shard waits to try again
  int64_t next_due_ns(bool flush) const;  // when Start() has something to do; INT64_MAX: nothing
  uint64_t waiting() const;
  WriteVersion version() const { return version_; }
  // Since the last call.
  struct Work {
    double samples = 0;
    double seconds = 0;
  };
  Work TakeWork();

 private:
  static constexpr size_t kMaxBatches = 100'000;

  struct Shard {
    std::deque<OutgoingItem> waiting;
    int64_t since_ns = 0;  // of the oldest that waits, about
    std::optional<Delivery> delivery;
  };

  bool IsDue(const Shard& shard, int64_t now_ns, bool flush) const;
  void Begin(Shard& shard, int64_t now_ns);
  void Send(size_t index);
  void GiveUp(Shard& shard, const std::string& reason);
  void FinishPart(Shard& shard, bool taken);
  void TryAgain(Shard& shard, int64_t retry_after_ms, const std::string& reason);
  bool MaybeSeen(const Shard& shard) const;
  void Redistribute();
  void DropTooOld(Shard& shard);
  SentCounts& CountsOf(const OutgoingItem& item) { return stats_->kinds[item.kind()]; }

  const config::RemoteWriteConfig& config_;
  WriteRequests& requests_;
  const base::Clock& clock_;
  const model::LogPosition maybe_seen_;
  WriteStats* const stats_;
  WriteVersion version_;
  std::vector<Shard> shards_;
  AckTracker acks_;
  uint64_t batch_ = 0;
  uint64_t first_new_batch_ = 0;  // batches before it are maybe seen
  std::optional<size_t> resize_to_;
  Work work_;
  int64_t quiet_until_ns_ = 0;  // no more of the same in the log
};

}  // namespace slurmscope::remote
