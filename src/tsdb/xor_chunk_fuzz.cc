#include <cstdint>
#include <cstdlib>
#include <limits>

#include "tsdb/xor_chunk.h"

using slurmscope::model::Columns;

namespace {

// Cut in two, they must decode as one by one.
void CheckTwo(std::string_view first, std::string_view second) {
  constexpr int64_t kFrom = std::numeric_limits<int64_t>::min();
  constexpr int64_t kTo = std::numeric_limits<int64_t>::max();
  Columns one;
  Columns two;
  bool good = slurmscope::tsdb::DecodeXorChunk(first, kFrom, kTo, &one) &&
              slurmscope::tsdb::DecodeXorChunk(second, kFrom, kTo, &one);
  bool both = slurmscope::tsdb::DecodeXorChunks(first, second, kFrom, kTo, &two).has_value();
  if (good != both || (good && (one.t != two.t || one.size() != two.size()))) std::abort();
}

}  // namespace

// Any bytes decode or fail; what decodes is encoded again and must read back the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  Columns first;
  std::string_view chunk(reinterpret_cast<const char*>(data), size);
  CheckTwo(chunk.substr(0, size / 2), chunk.substr(size / 2));
  CheckTwo(chunk, chunk);
  if (!slurmscope::tsdb::DecodeXorChunk(chunk, kMin, kMax, &first)) return 0;
  slurmscope::tsdb::XorChunkBuilder builder;
  for (size_t i = 0; i < first.size(); ++i) builder.Append(first.t[i], first.v[i]);
  Columns second;
  if (!slurmscope::tsdb::DecodeXorChunk(builder.bytes(), kMin, kMax, &second)) std::abort();
  if (first.t != second.t || first.size() != second.size()) std::abort();
  return 0;
}
