#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "http/server.h"
#include "model/appender.h"

namespace slurmscope::remote {

// Figures for the program's own /metrics.
struct ReceiverStats {
  uint64_t requests = 0;
  uint64_t samples = 0;         // taken
  uint64_t histograms = 0;      // likewise
  uint64_t exemplars = 0;       // likewise
  uint64_t refused = 0;         // samples and histograms that storage did not take
  uint64_t invalid_labels = 0;  // series whose labels are none
};

// Takes samples by remote write 1.0 and 2.0 (POST /api/v1/write). Thread-safe.
//
// What storage refuses (out of order, too old, other value at the same time, bad labels) is left
// out, the rest of the request is stored; the answer is then 400, on which a sender goes on with
// its next request. 500 says that nothing was stored and the sender should try again; 415 that the
// message or its encoding is none of those taken.
class WriteReceiver {
 public:
  struct Options {
    bool accept_v1 = true;
    bool accept_v2 = false;
    bool start_times = false;  // a zero at the time when a counter began, where 2.0 says it
  };

  // `storage` and `clock` must outlive it.
  WriteReceiver(model::Appendable& storage, const base::Clock& clock, Options options)
      : storage_(storage), clock_(clock), options_(options) {}

  http::Response Handle(const http::Request& request);
  ReceiverStats stats() const;

 private:
  model::Appendable& storage_;
  const base::Clock& clock_;
  const Options options_;
  std::atomic<uint64_t> requests_ = 0;
  std::atomic<uint64_t> samples_ = 0;
  std::atomic<uint64_t> histograms_ = 0;
  std::atomic<uint64_t> exemplars_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> invalid_labels_ = 0;
};

}  // namespace slurmscope::remote
