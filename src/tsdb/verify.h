#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace slurmscope::tsdb {

struct VerifyFinding {
  std::string file;  // path of a file or directory
  std::string text;
};

struct VerifyReport {
  std::vector<VerifyFinding> faults;  // something is damaged; kMaxFaultsPerFile of a file at most
  std::vector<VerifyFinding> notes;   // worth knowing, no damage
  uint64_t blocks = 0;
  uint64_t series = 0;  // of the blocks
  uint64_t chunks = 0;
  uint64_t samples = 0;
  uint64_t segments = 0;  // of the logs
  uint64_t records = 0;
  uint64_t bytes = 0;
};
inline constexpr size_t kMaxFaultsPerFile = 20;

// Reads every file of a data directory and compares all there is to compare: checksums, the order
// of series, labels, postings and chunks, each chunk's samples with what the index says of them,
// meta.json with what is there, tombstones, log segments, checkpoints and head chunks. Changes
// nothing; a server may be running on the directory. Errors: the directory cannot be read.
// `on_progress` is told the bytes read so far, and all.
base::Result<VerifyReport> VerifyData(const std::string& path,
                                      const std::function<void(uint64_t, uint64_t)>& on_progress);

}  // namespace slurmscope::tsdb
