#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "tsdb/block.h"
#include "tsdb/db.h"

namespace slurmscope::tsdb {

using BlockList = std::vector<BlockPtr>;

// The blocks of a data directory that are served, by ascending min_time. Thread-safe.
class BlockSet {
 public:
  explicit BlockSet(std::string directory) : directory_(std::move(directory)) {}

  // Removes leftovers of a crash and blocks that were merged into others, and opens the rest. A
  // block that does not check out stays where it is, unread, and is named in the log and in
  // unreadable().
  base::Result<void> Load();
  std::shared_ptr<const BlockList> blocks() const;
  std::vector<UnreadableBlock> unreadable() const;

  // Opens blocks that were written, and only then lets go of `replaced` and deletes them.
  base::Result<void> Replace(const std::vector<std::string>& written,
                             const std::vector<std::string>& replaced);
  // Takes a block whose files were changed anew.
  base::Result<void> Reopen(const std::string& ulid);
  // Notes in the block's meta.json that compacting it failed, so that it is not tried again.
  base::Result<void> MarkFailed(const std::string& ulid);

  const std::string& directory() const { return directory_; }
  // kNoTime / INT64_MAX when there are none.
  int64_t max_time() const;
  int64_t min_time() const;
  uint64_t bytes() const;

 private:
  base::Result<void> Delete(const std::string& ulid) const;

  const std::string directory_;
  mutable std::mutex mutex_;
  std::shared_ptr<const BlockList> blocks_ = std::make_shared<BlockList>();
  std::vector<UnreadableBlock> unreadable_;
};

}  // namespace slurmscope::tsdb
