#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tsdb/chunk_codec.h"

namespace slurmscope::tsdb {

// The files of full chunks that belong to the head, `chunks_head/000001` and up, as Prometheus
// writes them; docs/formats/head-chunks.md.
inline constexpr uint64_t kHeadChunkFileBytes = 128 << 20;
inline constexpr size_t kHeadChunkFileHeaderBytes = 8;
// A chunk with all around it. Larger ones are not written, and read as damage.
inline constexpr size_t kMaxHeadChunkBytes = 16 << 20;

struct HeadChunk {
  uint64_t series_ref = 0;  // as in the log
  int64_t mint = 0;         // ms, of its samples
  int64_t maxt = 0;
  bool out_of_order = false;
  EncodedChunk chunk;
};

std::string HeadChunkFileHeader();
// False when the bytes do not begin with such a header.
bool IsHeadChunkFile(std::string_view file);

// Appends a chunk as it is stored.
void AppendHeadChunk(const HeadChunk& chunk, std::string* out);

enum class HeadChunkRead {
  kChunk,
  kEnd,      // nothing but zeros, if anything: files may be made longer than they are
  kTorn,     // runs past the end of the bytes
  kCorrupt,  // does not match its checksum, or makes no sense
};
// The chunk that `bytes` begin with, which the chunk's data stay in, and its length. Safe on any
// bytes.
HeadChunkRead ReadHeadChunk(std::string_view bytes, HeadChunk* out, size_t* size);
// What is wrong, for people; empty when it is kChunk or kEnd.
std::string_view ProblemOf(HeadChunkRead read);

// The data of a stored chunk as its length says, which is not checked, and neither is anything
// else.
EncodedChunk TrustedHeadChunk(const char* stored);

// 000001 and so on, six digits at least; nullopt for other names.
std::string HeadChunkFileName(uint64_t number);
std::optional<uint64_t> ParseHeadChunkFileName(const std::string& name);

}  // namespace slurmscope::tsdb
