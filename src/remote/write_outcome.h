#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/client.h"
#include "remote/write_encoder.h"

namespace slurmscope::remote {

// What the answer to a request of remote write means for what was in it:
// https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/.
struct WriteOutcome {
  enum class Kind {
    kTaken,
    kRetry,         // as it is, later
    kRefused,       // for good, as far as nothing of it is to be tried alone
    kTooLarge,      // refused, in parts it might be taken
    kOtherVersion,  // the receiver knows 1.0 only
  };
  Kind kind = Kind::kTaken;
  int64_t retry_after_ms = 0;  // that the receiver asks for; 0: it does not
  std::string reason;          // when it was not taken: one line, without secrets
};

WriteOutcome JudgeWrite(const base::Result<http::ClientResponse>& result, WriteVersion version,
                        bool retry_on_429, int64_t now_ms);

// The value of a Retry-After header, seconds or a date, as ms from `now_ms`; at most five minutes,
// 0 when it makes no sense. Safe on any bytes.
int64_t ParseRetryAfter(std::string_view value, int64_t now_ms);

}  // namespace slurmscope::remote
