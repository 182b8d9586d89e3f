#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "tsdb/chunk_codec.h"
#include "tsdb/histogram_chunk.h"

using namespace slurmscope;

namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

void Check(bool good) {
  if (!good) std::abort();
}

bool Same(const model::IntHistogram& a, const model::IntHistogram& b) { return a.Equals(b); }
bool Same(const model::FloatHistogram& a, const model::FloatHistogram& b) { return a.Equals(b); }

// What decodes is written again as long as it fits into one chunk, and must read back the same.
template <typename Builder, typename Decode>
void RoundTrip(std::string_view chunk, Decode decode) {
  using Samples = std::vector<tsdb::TimedHistogram<typename Builder::Histogram>>;
  Samples first;
  if (!decode(chunk, kMin, kMax, &first)) return;
  Builder builder;
  size_t written = 0;
  while (written < first.size() && builder.Fit(first[written].h).fits) {
    builder.Append(first[written].t, first[written].h);
    ++written;
  }
  Samples second;
  Check(decode(builder.bytes(), kMin, kMax, &second).has_value() || written == 0);
  Check(second.size() == written);
  for (size_t i = 0; i < written; ++i) {
    // A threshold that is no number equals nothing; storage takes none.
    bool same = std::isnan(first[i].h.zero_threshold) || Same(first[i].h, second[i].h);
    Check(first[i].t == second[i].t && same);
  }
}

}  // namespace

// The first byte chooses the encoding. Any bytes decode or fail.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view chunk(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool integer = data[0] % 2 == 0;
  model::Columns columns;
  uint8_t encoding = integer ? tsdb::kHistogramEncoding : tsdb::kFloatHistogramEncoding;
  (void)tsdb::DecodeChunk({encoding, chunk}, kMin, kMax, &columns);
  if (integer) {
    RoundTrip<tsdb::IntHistogramChunkBuilder>(chunk, tsdb::DecodeIntHistogramChunk);
  } else {
    RoundTrip<tsdb::FloatHistogramChunkBuilder>(chunk, tsdb::DecodeFloatHistogramChunk);
  }
  return 0;
}
