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

Result<void> BlockSet::Delete(const std::string& ulid) const {
  base::LogInfo("deleting block", {{"block", ulid}});
  return DeleteBlock(directory_, ulid);
}

Result<void> BlockSet::Load() {
  TRY(RemoveLeftovers(directory_));
  auto loaded = std::make_shared<BlockList>();
  std::set<std::string> merged;
  std::lock_guard lock(mutex_);
  unreadable_.clear();
  for (const std::string& name : TRY(base::ListDirectory(directory_))) {
    if (!IsUlid(name)) continue;
    auto block = Block::Open(StrCat(directory_, "/", name));
    if (!block) {
      base::LogError("a block cannot be read and is left out; the rest is served",
                     {{"block", name}, {"error", block.error()}});
      unreadable_.push_back({name, block.error().message()});
      continue;
    }
    for (const BlockParent& parent : (*block)->meta().parents) merged.insert(parent.ulid);
    loaded->push_back(std::move(*block));
  }
  // A crash came between writing a block and deleting those it was made of.
  std::erase_if(*loaded, [&](const BlockPtr& block) {
    bool drop = merged.contains(block->meta().ulid) || block->meta().deletable;
    if (!drop) return false;
    auto deleted = Delete(block->meta().ulid);
    if (!deleted) base::LogWarn("block not deleted", {{"error", deleted.error()}});
    return true;
  });
  SortByTime(*loaded);
  blocks_ = std::move(loaded);
  return {};
}

std::shared_ptr<const BlockList> BlockSet::blocks() const {
  std::lock_guard lock(mutex_);
  return blocks_;
}

std::vector<UnreadableBlock> BlockSet::unreadable() const {
  std::lock_guard lock(mutex_);
  return unreadable_;
}

Result<void> BlockSet::Replace(const std::vector<std::string>& written,
                               const std::vector<std::string>& replaced) {
  BlockList added;
  for (const std::string& ulid : written) {
    added.push_back(TRY(Block::Open(StrCat(directory_, "/", ulid))));
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

int64_t BlockSet::max_time() const {
  int64_t max_time = kNoTime;
  auto list = blocks();
  for (const BlockPtr& block : *list) max_time = std::max(max_time, block->meta().max_time);
  return max_time;
}

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
