#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "tsdb/block.h"
#include "tsdb/db.h"

namespace slurmscope::tsdb {

using BlockList = std::vector<BlockPtr>;

// In the order in which a later one counts where two have a sample of the same time: those of
// samples out of order last, by age.
BlockList ByPrecedence(const BlockList& blocks);
// The end of what was taken out of a head in order; kNoTime when there is none.
int64_t InOrderEnd(const BlockList& blocks);

// The blocks of a data directory that are served, by ascending min_time. Thread-safe.
class BlockSet {
 public:
  explicit BlockSet(std::string directory) : directory_(std::move(directory)) {}

  // At the start: removes what a crash left unfinished, then as Reload().
  base::Result<void> Load();
  // Looks at the directory: opens blocks that are new there, lets go of those that are gone, and
  // deletes those that were merged into others. A block that does not check out stays where it is,
  // unread, and is named in the log and in unreadable(); it is tried again when its files change,
  // or each time when it was the operating system that refused. Not beside Replace() or Reopen().
  base::Result<void> Reload();
  // Without those in which readers have met damage: they become unreadable().
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
  int64_t in_order_end() const;
  // INT64_MAX when there are none.
  int64_t min_time() const;
  uint64_t bytes() const;

 private:
  struct Unreadable {
    std::string problem;
    bool try_again = false;
    base::FileStamp stamp;
  };
  base::FileStamp StampOfBlock(const std::string& ulid) const;
  bool MustOpen(const std::string& ulid) const;
  void SetAside(const std::string& ulid, const base::Error& error) const;
  void DropDamaged() const;
  void DropMerged(BlockList* list);
  base::Result<void> Delete(const std::string& ulid) const;

  const std::string directory_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const BlockList> blocks_ = std::make_shared<BlockList>();
  mutable std::map<std::string, Unreadable> unreadable_;
};

}  // namespace slurmscope::tsdb
