#include "tsdb/block.h"

#include "base/file.h"

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
  std::string index_path = directory + "/index";
  block->index_file_ = TRY(MappedFile::Open(index_path));
  std::string_view index = block->index_file_.view();
  block->index_.emplace(TRY_CONTEXT(IndexReader::Parse(index), index_path));
  block->chunks_ = TRY(ChunkReader::Open(directory + "/chunks"));
  block->bytes_ = meta.size() + index.size() + block->chunks_.bytes();
  block->tombstones_ = TRY(ReadTombstones(directory + "/tombstones", &block->bytes_));
  return BlockPtr(std::move(block));
}

const Intervals* Block::DeletedOf(uint32_t series) const {
  auto it = tombstones_.find(series);
  return it == tombstones_.end() ? nullptr : &it->second;
}

}  // namespace slurmscope::tsdb
