#include "tsdb/ooo_chunk.h"

#include <algorithm>
#include <utility>

namespace slurmscope::tsdb {

OooSample OooSample::Of(int64_t t, HistogramRef h) {
  auto copy = h.integer() ? std::make_shared<const Histogram>(h.ints())
                          : std::make_shared<const Histogram>(h.floats());
  return {t, 0, std::move(copy)};
}

bool OooChunk::Insert(OooSample sample) {
  auto place = std::lower_bound(samples_.begin(), samples_.end(), sample.t,
                                [](const OooSample& other, int64_t t) { return other.t < t; });
  if (place != samples_.end() && place->t == sample.t) return false;
  samples_.insert(place, std::move(sample));
  return true;
}

void OooChunk::Remove(const TimeInterval& interval) {
  std::erase_if(samples_, [&](const OooSample& sample) {
    return sample.t >= interval.mint && sample.t <= interval.maxt;
  });
}

std::vector<ChunkCopy> OooChunk::Encode() const {
  std::vector<AnySample> samples;
  samples.reserve(samples_.size());
  for (const OooSample& sample : samples_) {
    AnySample& copy = samples.emplace_back();
    copy.t = sample.t;
    copy.value = sample.v;
    if (sample.h) std::visit([&](const auto& h) { copy.value = h; }, *sample.h);
  }
  return EncodeSamples(samples);
}

}  // namespace slurmscope::tsdb
