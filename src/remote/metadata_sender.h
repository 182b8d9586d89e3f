#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/remote.h"
#include "remote/write_encoder.h"
#include "remote/write_requests.h"
#include "remote/write_stats.h"

namespace slurmscope::remote {

// What is known of all metric families now, each name once. Thread-safe.
using FamilySource = std::function<std::vector<FamilyMetadata>()>;

// Tells a receiver of 1.0, which gets no metadata with its series, what is known of the families:
// all of it every interval, in requests one after the other. Used by one thread.
class MetadataSender {
 public:
  static constexpr uint64_t kId = ~uint64_t{0};  // of its requests

  MetadataSender(const config::RemoteWriteConfig& config, WriteRequests& requests,
                 const base::Clock& clock, WriteStats* stats);

  // When Start() has something to do; INT64_MAX while a request is under way.
  int64_t next_due_ns() const;
  void Start(const FamilySource& source);
  void TakeAnswer(const WriteRequests::Done& done);

 private:
  void Send();

  const config::RemoteWriteConfig& config_;
  WriteRequests& requests_;
  const base::Clock& clock_;
  WriteStats* const stats_;
  std::vector<FamilyMetadata> families_;
  size_t sent_ = 0;       // of them
  size_t in_air_ = 0;     // of the request under way
  uint64_t bytes_ = 0;    // likewise
  int64_t round_ns_ = 0;  // when the next round begins
  int64_t retry_ns_ = 0;  // when the request is sent again
  int64_t backoff_ms_ = 0;
};

}  // namespace slurmscope::remote
