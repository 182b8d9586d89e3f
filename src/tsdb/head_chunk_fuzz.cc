#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "tsdb/head_chunk_format.h"

using namespace slurmscope::tsdb;

// The input as a file of head chunks, and once more as one chunk with its checksum put right, which
// would hide the rest from the fuzzer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (IsHeadChunkFile(input)) {
    HeadChunk chunk;
    size_t length = 0;
    for (size_t offset = kHeadChunkFileHeaderBytes;
         ReadHeadChunk(input.substr(offset), &chunk, &length) == HeadChunkRead::kChunk;) {
      offset += length;
    }
  }
  std::string whole(input);
  slurmscope::base::PutU32Be(whole, slurmscope::base::Crc32c(input));
  HeadChunk chunk;
  size_t length = 0;
  if (ReadHeadChunk(whole, &chunk, &length) != HeadChunkRead::kChunk) return 0;
  slurmscope::model::Columns columns;
  (void)DecodeChunk(chunk.chunk, chunk.mint, chunk.maxt, &columns);
  // What was read is written alike, but for longer ways to write the length.
  std::string again;
  AppendHeadChunk(chunk, &again);
  if (again.size() == length && again != whole) __builtin_trap();
  return 0;
}
