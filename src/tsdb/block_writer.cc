#include "tsdb/block_writer.h"

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/tombstones.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {

using base::Result;
using base::StrCat;

std::string BlockWriter::Temporary() const {
  return StrCat(data_directory_, "/", ulid_, kCreationSuffix);
}

Result<BlockWriter> BlockWriter::Create(const std::string& data_directory, const std::string& ulid,
                                        std::vector<std::string> symbols) {
  BlockWriter writer(data_directory, ulid);
  std::string directory = writer.Temporary();
  TRY(base::RemoveTree(directory));
  TRY(base::MakeDirectories(directory + "/chunks"));
  writer.chunks_ = std::make_unique<ChunkWriter>(directory + "/chunks");
  writer.index_.emplace(TRY(IndexWriter::Create(directory + "/index", std::move(symbols))));
  return writer;
}

BlockWriter::~BlockWriter() {
  if (!chunks_) return;
  index_.reset();
  chunks_.reset();
  if (auto removed = base::RemoveTree(Temporary()); !removed) {
    base::LogWarn("an unfinished block stays behind", {{"error", removed.error()}});
  }
}

Result<void> BlockWriter::AddSeries(const model::Labels& labels,
                                    const std::vector<BlockChunk>& chunks) {
  metas_.clear();
  for (const BlockChunk& chunk : chunks) {
    metas_.push_back({chunk.mint, chunk.maxt, TRY(chunks_->Write(chunk.chunk))});
    // Chunks of all encodings begin with the number of samples.
    uint64_t samples = XorChunkSamples(chunk.chunk.data);
    bool is_float = chunk.chunk.encoding == kXorEncoding;
    stats_.samples += samples;
    (is_float ? stats_.float_samples : stats_.histogram_samples) += samples;
  }
  ++stats_.series;
  stats_.chunks += chunks.size();
  return index_->AddSeries(labels, metas_);
}

Result<void> BlockWriter::Finish(BlockMeta* meta) {
  std::string directory = Temporary();
  meta->ulid = ulid_;
  meta->stats = stats_;
  TRY(chunks_->Finish());
  TRY(index_->Finish());
  TRY(base::WriteFileAtomic(directory + "/tombstones", WriteTombstones({})));
  TRY(base::WriteFileAtomic(directory + "/meta.json", WriteBlockMeta(*meta)));
  std::string final_path = StrCat(data_directory_, "/", ulid_);
  TRY(base::RenameFile(directory, final_path));
  chunks_.reset();
  return base::SyncDirectory(data_directory_);
}

Result<void> DeleteBlock(const std::string& data_directory, const std::string& ulid) {
  std::string path = StrCat(data_directory, "/", ulid);
  std::string aside = path + std::string(kDeletionSuffix);
  TRY(base::RemoveTree(aside));
  TRY(base::RenameFile(path, aside));
  return base::RemoveTree(aside);
}

Result<void> RemoveLeftovers(const std::string& data_directory, std::string_view suffix) {
  for (const std::string& name : TRY(base::ListDirectory(data_directory))) {
    if (!name.ends_with(suffix)) continue;
    base::LogInfo("removing what was left of a block", {{"directory", name}});
    TRY(base::RemoveTree(StrCat(data_directory, "/", name)));
  }
  return {};
}

}  // namespace slurmscope::tsdb
