#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "tsdb/block_meta.h"
#include "tsdb/chunk_segment.h"
#include "tsdb/index_writer.h"

namespace slurmscope::tsdb {

inline constexpr std::string_view kCreationSuffix = ".tmp-for-creation";
inline constexpr std::string_view kDeletionSuffix = ".tmp-for-deletion";

struct BlockChunk {
  int64_t mint = 0;
  int64_t maxt = 0;
  EncodedChunk chunk;
};

// Writes a block into `<ulid>.tmp-for-creation` and gives it its name when all is on disk, so that
// a block is there whole or not at all. Not thread-safe.
class BlockWriter {
 public:
  // `symbols`: all label names and values of the series to come, sorted, each once.
  static base::Result<BlockWriter> Create(const std::string& data_directory,
                                          const std::string& ulid,
                                          std::vector<std::string> symbols);
  // Removes what is unfinished.
  ~BlockWriter();
  BlockWriter(BlockWriter&&) noexcept = default;
  BlockWriter& operator=(BlockWriter&&) = delete;

  // Series in the order of Labels::operator<; chunks by time without overlap.
  base::Result<void> AddSeries(const model::Labels& labels, const std::vector<BlockChunk>& chunks);
  uint64_t series() const { return stats_.series; }
  // `meta` gets ulid and stats; the rest is the caller's.
  base::Result<void> Finish(BlockMeta* meta);

 private:
  BlockWriter(std::string data_directory, std::string ulid)
      : data_directory_(std::move(data_directory)), ulid_(std::move(ulid)) {}
  std::string Temporary() const;

  std::string data_directory_;
  std::string ulid_;
  std::unique_ptr<ChunkWriter> chunks_;
  std::optional<IndexWriter> index_;
  BlockStats stats_;
  std::vector<ChunkMeta> metas_;
};

// Renames a block's directory out of the way, so that no start finds half of it, and removes it.
base::Result<void> DeleteBlock(const std::string& data_directory, const std::string& ulid);
// Removes what is left of blocks, by the ending of the name.
base::Result<void> RemoveLeftovers(const std::string& data_directory, std::string_view suffix);

}  // namespace slurmscope::tsdb
