#include "tsdb/block_set.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/block_writer.h"
#include "tsdb/series.h"
#include "tsdb/ulid.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using base::StrCat;

void SortByTime(BlockList& blocks) {
  std::sort(blocks.begin(), blocks.end(), [](const BlockPtr& a, const BlockPtr& b) {
    return std::pair(a->meta().min_time, a->meta().ulid) <
           std::pair(b->meta().min_time, b->meta().ulid);
  });
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

BlockList ByPrecedence(const BlockList& blocks) {
  BlockList list = blocks;
  auto late = std::stable_partition(list.begin(), list.end(), [](const BlockPtr& block) {
    return !FromOutOfOrder(block->meta());
  });
  std::sort(late, list.end(),
            [](const BlockPtr& a, const BlockPtr& b) { return a->meta().ulid < b->meta().ulid; });
  return list;
}

int64_t InOrderEnd(const BlockList& blocks) {
  int64_t end = kNoTime;
  for (const BlockPtr& block : blocks) {
    if (!FromOutOfOrder(block->meta())) end = std::max(end, block->meta().max_time);
  }
  return end;
}

Result<void> BlockSet::Delete(const std::string& ulid) const {
  base::LogInfo("deleting block", {{"block", ulid}});
  return DeleteBlock(directory_, ulid);
}

base::FileStamp BlockSet::StampOfBlock(const std::string& ulid) const {
  std::string path = StrCat(directory_, "/", ulid);
  base::FileStamp stamp;
  for (const char* name : {"", "/meta.json", "/index", "/tombstones", "/chunks"}) {
    base::FileStamp part = base::StampOf(path + name);
    stamp.size += part.size;
    stamp.modified_ns = std::max(stamp.modified_ns, part.modified_ns);
  }
  return stamp;
}

// Under the lock.
bool BlockSet::MustOpen(const std::string& ulid) const {
  auto known = [&](const BlockPtr& block) { return block->meta().ulid == ulid; };
  if (std::any_of(blocks_->begin(), blocks_->end(), known)) return false;
  auto it = unreadable_.find(ulid);
  return it == unreadable_.end() || it->second.try_again || it->second.stamp != StampOfBlock(ulid);
}

// Under the lock.
void BlockSet::SetAside(const std::string& ulid, const base::Error& error) const {
  auto& entry = unreadable_[ulid];
  if (entry.problem != error.message()) {
    base::LogError("a block cannot be read and is set aside; the rest is served",
                   {{"block", ulid}, {"error", error}});
  }
  bool damaged = error.code() == base::ErrorCode::kCorruption;
  entry = {error.message(), !damaged, StampOfBlock(ulid)};
}

// Under the lock.
void BlockSet::DropDamaged() const {
  auto bad = [](const BlockPtr& block) { return block->damaged(); };
  if (std::none_of(blocks_->begin(), blocks_->end(), bad)) return;
  auto list = std::make_shared<BlockList>(*blocks_);
  std::erase_if(*list, [&](const BlockPtr& block) {
    if (!bad(block)) return false;
    SetAside(block->meta().ulid, {base::ErrorCode::kCorruption, block->damage()});
    return true;
  });
  blocks_ = std::move(list);
}

// Those whose content is in another one: a crash came between writing that one and deleting them.
void BlockSet::DropMerged(BlockList* list) {
  std::set<std::string> merged;
  for (const BlockPtr& block : *list) {
    for (const BlockParent& parent : block->meta().parents) merged.insert(parent.ulid);
  }
  std::erase_if(*list, [&](const BlockPtr& block) {
    bool drop = merged.contains(block->meta().ulid) || block->meta().deletable;
    if (!drop) return false;
    auto deleted = Delete(block->meta().ulid);
    if (!deleted) base::LogWarn("block not deleted", {{"error", deleted.error()}});
    return true;
  });
}

Result<void> BlockSet::Load() {
  TRY(RemoveLeftovers(directory_, kCreationSuffix));
  return Reload();
}

Result<void> BlockSet::Reload() {
  TRY(RemoveLeftovers(directory_, kDeletionSuffix));
  std::vector<std::string> names = TRY(base::ListDirectory(directory_));
  std::erase_if(names, [](const std::string& name) { return !IsUlid(name); });
  std::lock_guard lock(mutex_);
  DropDamaged();
  auto list = std::make_shared<BlockList>(*blocks_);
  std::erase_if(*list, [&](const BlockPtr& block) {
    bool gone = !Contains(names, block->meta().ulid);
    if (gone) base::LogWarn("a block is gone from the disk", {{"block", block->meta().ulid}});
    return gone;
  });
  std::erase_if(unreadable_, [&](const auto& entry) { return !Contains(names, entry.first); });
  for (const std::string& name : names) {
    if (!MustOpen(name)) continue;
    auto block = Block::Open(StrCat(directory_, "/", name));
    if (!block) {
      SetAside(name, block.error());
      continue;
    }
    unreadable_.erase(name);
    list->push_back(std::move(*block));
  }
  DropMerged(list.get());
  SortByTime(*list);
  blocks_ = std::move(list);
  return {};
}

std::shared_ptr<const BlockList> BlockSet::blocks() const {
  std::lock_guard lock(mutex_);
  DropDamaged();
  return blocks_;
}

std::vector<UnreadableBlock> BlockSet::unreadable() const {
  std::lock_guard lock(mutex_);
  DropDamaged();
  std::vector<UnreadableBlock> out;
  for (const auto& [ulid, entry] : unreadable_) out.push_back({ulid, entry.problem});
  return out;
}

Result<void> BlockSet::Replace(const std::vector<std::string>& written,
                               const std::vector<std::string>& replaced) {
  BlockList added;
  for (const std::string& ulid : written) {
    auto block = Block::Open(StrCat(directory_, "/", ulid));
    if (!block) {
      // It must not come back one day with what is deleted elsewhere until then.
      (void)Delete(ulid);
      return base::Fail(std::move(block).error());
    }
    added.push_back(std::move(*block));
  }
  {
    std::lock_guard lock(mutex_);
    auto list = std::make_shared<BlockList>(*blocks_);
    std::erase_if(*list, [&](const BlockPtr& b) { return Contains(replaced, b->meta().ulid); });
    list->insert(list->end(), added.begin(), added.end());
    SortByTime(*list);
    blocks_ = std::move(list);
  }
  for (const std::string& ulid : replaced) TRY(Delete(ulid));
  return {};
}

Result<void> BlockSet::MarkFailed(const std::string& ulid) {
  std::string path = StrCat(directory_, "/", ulid);
  std::string json = TRY(base::ReadFile(path + "/meta.json"));
  BlockMeta meta = TRY(ParseBlockMeta(json));
  meta.failed = true;
  TRY(base::WriteFileAtomic(path + "/meta.json", WriteBlockMeta(meta)));
  return Reopen(ulid);
}

Result<void> BlockSet::Reopen(const std::string& ulid) {
  BlockPtr reopened = TRY(Block::Open(StrCat(directory_, "/", ulid)));
  std::lock_guard lock(mutex_);
  auto list = std::make_shared<BlockList>(*blocks_);
  for (BlockPtr& block : *list) {
    if (block->meta().ulid == ulid) block = reopened;
  }
  blocks_ = std::move(list);
  return {};
}

int64_t BlockSet::in_order_end() const { return InOrderEnd(*blocks()); }

int64_t BlockSet::min_time() const {
  auto list = blocks();
  return list->empty() ? std::numeric_limits<int64_t>::max() : list->front()->meta().min_time;
}

uint64_t BlockSet::bytes() const {
  uint64_t bytes = 0;
  auto list = blocks();
  for (const BlockPtr& block : *list) bytes += block->bytes();
  return bytes;
}

}  // namespace slurmscope::tsdb
