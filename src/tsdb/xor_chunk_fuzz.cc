#include <cstdint>
#include <cstdlib>
#include <limits>

#include "tsdb/xor_chunk.h"

using slurmscope::model::Columns;

// Any bytes decode or fail; what decodes is encoded again and must read back the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  Columns first;
  std::string_view chunk(reinterpret_cast<const char*>(data), size);
  if (!slurmscope::tsdb::DecodeXorChunk(chunk, kMin, kMax, &first)) return 0;
  slurmscope::tsdb::XorChunkBuilder builder;
  for (size_t i = 0; i < first.size(); ++i) builder.Append(first.t[i], first.v[i]);
  Columns second;
  if (!slurmscope::tsdb::DecodeXorChunk(builder.bytes(), kMin, kMax, &second)) std::abort();
  if (first.t != second.t || first.size() != second.size()) std::abort();
  return 0;
}
