#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/querier.h"
#include "tsdb/block_set.h"
#include "tsdb/head.h"
#include "tsdb/replay.h"

namespace slurmscope::tsdb {

// A data directory for tools that look at it: changes no file and takes no lock, so that a server
// may be running on it. Sees what was there when it was opened. Thread-safe.
class ReadOnlyDb final : public model::Queryable {
 public:
  // With `with_log` what is in the write-ahead log and in no block is read into memory. kNotFound
  // when there is no such directory.
  static base::Result<std::unique_ptr<ReadOnlyDb>> Open(const std::string& path, bool with_log);

  const BlockList& blocks() const { return blocks_; }  // by min_time
  // Blocks that did not check out, and are left out.
  const std::vector<UnreadableBlock>& unreadable() const { return unreadable_; }
  // What the log was like; empty when it was not read.
  const ReplayReport& log() const { return log_; }

  base::Result<std::unique_ptr<model::Querier>> NewQuerier(int64_t mint, int64_t maxt) override;

 private:
  ReadOnlyDb() = default;
  base::Result<void> LoadBlocks(const std::string& path);

  BlockList blocks_;
  std::vector<UnreadableBlock> unreadable_;
  Head head_;
  ReplayReport log_;
};

}  // namespace slurmscope::tsdb
