#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tsdb/mapped_file.h"
#include "tsdb/output_file.h"

namespace slurmscope::tsdb {

// The chunk files of a block, `chunks/000001` and up; docs/formats/block.md.
inline constexpr uint64_t kChunkSegmentBytes = 512ull << 20;
inline constexpr uint8_t kXorEncoding = 1;

struct EncodedChunk {
  uint8_t encoding = kXorEncoding;
  std::string_view data;
};

// Writes chunks one after the other. Not thread-safe.
class ChunkWriter {
 public:
  // `directory` must exist and be empty. A file holds at most `segment_bytes`.
  explicit ChunkWriter(std::string directory, uint64_t segment_bytes = kChunkSegmentBytes)
      : directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

  // The reference of the chunk for the index: number of the file << 32 | offset.
  base::Result<uint64_t> Write(EncodedChunk chunk);
  // Syncs files and directory.
  base::Result<void> Finish();

 private:
  base::Result<void> NextFile();
  const std::string directory_;
  const uint64_t segment_bytes_;
  std::optional<OutputFile> file_;
  uint64_t files_ = 0;
};

// A chunk file in memory. Thread-safe.
class ChunkSegment {
 public:
  // kCorruption when the header is not that of a chunk file. The bytes must outlive the object.
  static base::Result<ChunkSegment> Parse(std::string_view bytes);
  // The chunk at `offset`, its checksum compared. Safe on any bytes and offset.
  base::Result<EncodedChunk> Read(uint64_t offset) const;

 private:
  explicit ChunkSegment(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

// The chunk files of a block. Thread-safe.
class ChunkReader {
 public:
  static base::Result<ChunkReader> Open(const std::string& directory);
  base::Result<EncodedChunk> Read(uint64_t ref) const;
  // Begins to load a chunk of usual size.
  void Prefetch(uint64_t ref) const;
  uint64_t bytes() const { return total_; }

 private:
  std::vector<MappedFile> files_;
  std::vector<ChunkSegment> segments_;
  uint64_t total_ = 0;
};

}  // namespace slurmscope::tsdb
