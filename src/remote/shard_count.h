#pragma once

#include <cstddef>

namespace slurmscope::remote {

// What the last stretch of time showed of the sending to one system.
struct ShardLoad {
  double seconds = 0;          // how long it was
  double samples_in = 0;       // came out of the log
  double samples_sent = 0;     // were taken
  double request_seconds = 0;  // of all requests that were taken, added up
  double pending = 0;          // samples queued, or still in the log
};

// How many shards would keep up with what comes in and work off a twentieth of what is pending each
// second; not rounded, and without the configured bounds. 0 when nothing was sent.
double DesiredShards(const ShardLoad& load);
// The number to go to: stays at `current` while what is desired is within 30 % of it.
size_t NextShardCount(double desired, size_t current, size_t min, size_t max);

}  // namespace slurmscope::remote
