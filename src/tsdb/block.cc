#include "tsdb/block.h"

#include "base/file.h"
#include "base/log.h"
#include "tsdb/block_range.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;

constexpr uint64_t kMaxMetaBytes = 64 << 20;

Result<Tombstones> ReadTombstones(const std::string& path, uint64_t* bytes) {
  // Prometheus takes a block without the file for one without deletions.
  if (!TRY(base::FileExists(path))) return Tombstones();
  MappedFile file = TRY(MappedFile::Open(path));
  *bytes += file.view().size();
  return TRY_CONTEXT(ParseTombstones(file.view()), path);
}

}  // namespace

Result<BlockPtr> Block::Open(const std::string& directory) {
  std::shared_ptr<Block> block(new Block());
  std::string meta_path = directory + "/meta.json";
  std::string meta = TRY(base::ReadFile(meta_path, kMaxMetaBytes));
  block->meta_ = TRY_CONTEXT(ParseBlockMeta(meta), meta_path);
  block->stated_ = {block->meta_.min_time, block->meta_.max_time};
  std::string name = directory.substr(directory.rfind('/') + 1);
  if (block->meta_.ulid != name) {
    return base::Fail(base::ErrorCode::kCorruption,
                      meta_path + ": is that of block " + block->meta_.ulid);
  }
  std::string index_path = directory + "/index";
  block->index_file_ = TRY(MappedFile::Open(index_path));
  std::string_view index = block->index_file_.view();
  block->index_.emplace(TRY_CONTEXT(IndexReader::Parse(index), index_path));
  if (TRY_CONTEXT(CorrectRange(*block->index_, &block->meta_), index_path)) {
    base::LogWarn("the times in a block's meta.json do not fit its chunks; theirs are taken",
                  {{"block", name},
                   {"min_time", block->meta_.min_time},
                   {"max_time", block->meta_.max_time}});
  }
  block->chunks_ = TRY(ChunkReader::Open(directory + "/chunks"));
  block->bytes_ = meta.size() + index.size() + block->chunks_.bytes();
  block->tombstones_ = TRY(ReadTombstones(directory + "/tombstones", &block->bytes_));
  return BlockPtr(std::move(block));
}

void Block::NoteDamage(const base::Error& error) const {
  std::lock_guard lock(damage_mutex_);
  if (!damage_.empty()) return;
  damage_ = error.message();
  damaged_.store(true, std::memory_order_release);
}

std::string Block::damage() const {
  std::lock_guard lock(damage_mutex_);
  return damage_;
}

const Intervals* Block::DeletedOf(uint32_t series) const {
  auto it = tombstones_.find(series);
  return it == tombstones_.end() ? nullptr : &it->second;
}

}  // namespace slurmscope::tsdb
