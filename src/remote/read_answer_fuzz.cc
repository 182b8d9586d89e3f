// Both forms of answers to a remote read, the second also as a frame whose checksum is right: what
// comes out is sorted and within its limits.
#include <cstdlib>

#include "base/bytes.h"
#include "remote/read_answer.h"

namespace {

using slurmscope::remote::ReadLimits;
using slurmscope::remote::ReadSeries;
using slurmscope::remote::Result;

constexpr ReadLimits kLimits{-1'000'000, 1'000'000, 1000, 1 << 20};

void Check(const Result<std::vector<ReadSeries>>& answer) {
  if (!answer) return;
  size_t samples = 0;
  for (const ReadSeries& series : *answer) {
    const auto& t = series.samples.t;
    samples += t.size();
    for (size_t i = 0; i < t.size(); ++i) {
      bool sorted = i == 0 || t[i] > t[i - 1];
      if (!sorted || t[i] < kLimits.mint || t[i] > kLimits.maxt) std::abort();
    }
  }
  if (samples > kLimits.max_samples) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slurmscope;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto decode = [](const model::RawChunk& chunk, int64_t mint, int64_t, model::Columns* out) {
    if (chunk.bytes.size() > 2) out->Append(mint, 1);
    return Result<void>();
  };
  Check(remote::DecodeReadAnswer(bytes, kLimits));
  Check(remote::DecodeChunkedAnswer(bytes, kLimits, decode));
  std::string frame;
  base::PutUvarint(frame, bytes.size());
  base::PutU32Be(frame, base::Crc32c(bytes));
  frame += bytes;
  Check(remote::DecodeChunkedAnswer(frame, kLimits, decode));
  return 0;
}
