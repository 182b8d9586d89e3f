#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace slurmscope::remote {

// Of samples, histograms or exemplars.
struct SentCounts {
  uint64_t read = 0;     // came out of the log
  uint64_t sent = 0;     // with every attempt
  uint64_t retried = 0;  // with every attempt but the first
  uint64_t failed = 0;   // refused by the receiver
  uint64_t pending = 0;  // in the queue or on their way, now
  // Not sent, because:
  uint64_t dropped_relabeled = 0;
  uint64_t dropped_unknown = 0;  // the log did not name their series
  uint64_t dropped_too_old = 0;
  uint64_t dropped_nhcb = 0;  // custom buckets, which 1.0 does not have
};

// Durations by upper bound in seconds, as a classic histogram.
struct DurationCounts {
  static constexpr std::array<double, 15> kBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                                     2.5,   5,    10,    25,   60,  120,  300};
  std::array<uint64_t, kBounds.size()> at_most{};  // each by itself, not added up
  uint64_t count = 0;
  double sum = 0;

  void Add(double seconds) {
    for (size_t i = 0; i < kBounds.size(); ++i) {
      if (seconds > kBounds[i]) continue;
      ++at_most[i];
      break;
    }
    ++count;
    sum += seconds;
  }
};

// Figures of the sending to one system, since it began.
struct WriteStats {
  std::string name;
  std::string url;                  // without secrets
  std::array<SentCounts, 3> kinds;  // by OutgoingItem::kind()
  DurationCounts requests;          // that were taken
  uint64_t bytes = 0;               // of those
  uint64_t metadata_sent = 0;
  uint64_t metadata_failed = 0;
  uint64_t metadata_retried = 0;
  uint64_t metadata_bytes = 0;
  uint64_t enqueue_retries = 0;  // times that reading waited for room
  uint64_t lost_segments = 0;    // of the log, deleted before they were sent
  uint64_t log_segment = 0;      // being read
  int64_t highest_read_ms = 0;   // newest sample out of the log; 0: none
  int64_t highest_sent_ms = 0;   // newest one that was taken; 0: none
  uint64_t shards = 0;
  uint64_t shards_min = 0;
  uint64_t shards_max = 0;
  double shards_desired = 0;
  uint64_t shard_capacity = 0;
  uint64_t max_samples_per_send = 0;
  bool v1 = true;  // messages of 1.0 are sent, be it that the receiver does not know others
};

}  // namespace slurmscope::remote
