#include "tsdb/chunk_codec.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>
#include <variant>

#include "base/strings.h"
#include "tsdb/histogram_chunk.h"
#include "tsdb/merge.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using model::ResetHint;

constexpr unsigned kSamplesPerNewChunk = 120;

Result<void> UnknownEncoding(uint8_t encoding) {
  return Fail(ErrorCode::kUnavailable,
              base::StrCat("chunk encoding ", uint32_t{encoding}, " is unknown to this version"));
}

std::vector<ChunkCopy> EncodeFloats(const model::Columns& columns) {
  std::vector<ChunkCopy> chunks;
  for (size_t from = 0; from < columns.size(); from += kSamplesPerNewChunk) {
    size_t to = std::min<size_t>(columns.size(), from + kSamplesPerNewChunk);
    XorChunkBuilder builder;
    for (size_t i = from; i < to; ++i) builder.Append(columns.t[i], columns.v[i]);
    chunks.push_back({columns.t[from], columns.t[to - 1], builder.bytes(), kXorEncoding});
  }
  return chunks;
}

template <typename Timed>
void Wrap(std::vector<Timed> samples, size_t source, std::vector<AnySample>* out) {
  for (Timed& sample : samples) out->push_back({sample.t, source, std::move(sample.h)});
}

Result<void> DecodeAny(EncodedChunk chunk, int64_t mint, int64_t maxt, size_t source,
                       std::vector<AnySample>* out) {
  if (chunk.encoding == kHistogramEncoding) {
    std::vector<TimedIntHistogram> samples;
    TRY(DecodeIntHistogramChunk(chunk.data, mint, maxt, &samples));
    Wrap(std::move(samples), source, out);
    return {};
  }
  if (chunk.encoding == kFloatHistogramEncoding) {
    std::vector<TimedFloatHistogram> samples;
    TRY(DecodeFloatHistogramChunk(chunk.data, mint, maxt, &samples));
    Wrap(std::move(samples), source, out);
    return {};
  }
  model::Columns floats;
  TRY(DecodeChunk(chunk, mint, maxt, &floats));
  for (size_t i = 0; i < floats.size(); ++i) out->push_back({floats.t[i], source, floats.v[i]});
  return {};
}

void Remove(const Intervals& deleted, std::vector<AnySample>* samples) {
  std::erase_if(*samples, [&](const AnySample& sample) {
    return std::any_of(deleted.begin(), deleted.end(), [&](const TimeInterval& interval) {
      return sample.t >= interval.mint && sample.t <= interval.maxt;
    });
  });
}

// What a sample says of the one before it is worth nothing once another one is.
void ForgetHint(AnySample& sample) {
  auto forget = [](auto& value) {
    if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, double>) {
      if (value.hint != ResetHint::kGauge) value.hint = ResetHint::kUnknown;
    }
  };
  std::visit(forget, sample.value);
}

// Sorted by time, each time once: as the last source has it.
void MergeSources(std::vector<AnySample>* samples) {
  std::stable_sort(samples->begin(), samples->end(),
                   [](const AnySample& a, const AnySample& b) { return a.t < b.t; });
  size_t kept = 0;
  for (size_t i = 0; i < samples->size(); ++i) {
    if (i + 1 < samples->size() && (*samples)[i + 1].t == (*samples)[i].t) continue;
    if (kept != i) (*samples)[kept] = std::move((*samples)[i]);
    ++kept;
  }
  samples->resize(kept);
  for (size_t i = 1; i < samples->size(); ++i) {
    if ((*samples)[i].source != (*samples)[i - 1].source) ForgetHint((*samples)[i]);
  }
}

// Collects samples into chunks of up to kSamplesPerNewChunk.
class Encoder {
 public:
  void Add(const AnySample& sample) {
    std::visit([&](const auto& value) { AddValue(sample.t, value); }, sample.value);
  }
  std::vector<ChunkCopy> Take() {
    Close();
    return std::move(chunks_);
  }

 private:
  struct Floats {
    XorChunkBuilder builder;
    int64_t first = 0;
    int64_t last = 0;
  };
  template <typename Builder, typename Histogram>
  void AddHistogram(int64_t t, const Histogram& h) {
    auto* open = std::get_if<Builder>(&open_);
    HistogramFit fit;
    if (open != nullptr) fit = open->Fit(h);
    if (open == nullptr || !fit.fits || open->count() >= kSamplesPerNewChunk) {
      ResetHint hint = fit.reset ? ResetHint::kReset : ResetHint::kUnknown;
      if (fit.fits) hint = ResetHint::kNotReset;
      Close();
      open = &open_.emplace<Builder>(hint);
    }
    open->Append(t, h);
  }
  void AddValue(int64_t t, const model::IntHistogram& h) {
    AddHistogram<IntHistogramChunkBuilder>(t, h);
  }
  void AddValue(int64_t t, const model::FloatHistogram& h) {
    AddHistogram<FloatHistogramChunkBuilder>(t, h);
  }
  void AddValue(int64_t t, double v) {
    auto* open = std::get_if<Floats>(&open_);
    if (open == nullptr || open->builder.count() >= kSamplesPerNewChunk) {
      Close();
      open = &open_.emplace<Floats>();
      open->first = t;
    }
    open->builder.Append(t, v);
    open->last = t;
  }

  void Close() {
    if (auto* ints = std::get_if<IntHistogramChunkBuilder>(&open_)) {
      chunks_.push_back({ints->first_time(), ints->last_time(), ints->bytes(), kHistogramEncoding});
    } else if (auto* floats = std::get_if<FloatHistogramChunkBuilder>(&open_)) {
      chunks_.push_back(
          {floats->first_time(), floats->last_time(), floats->bytes(), kFloatHistogramEncoding});
    } else if (auto* numbers = std::get_if<Floats>(&open_)) {
      chunks_.push_back({numbers->first, numbers->last, numbers->builder.bytes(), kXorEncoding});
    }
    open_.emplace<std::monostate>();
  }

  std::variant<std::monostate, Floats, IntHistogramChunkBuilder, FloatHistogramChunkBuilder> open_;
  std::vector<ChunkCopy> chunks_;
};

}  // namespace

unsigned ChunkSamples(EncodedChunk chunk) { return XorChunkSamples(chunk.data); }

Result<void> DecodeChunk(EncodedChunk chunk, int64_t mint, int64_t maxt, model::Columns* out) {
  switch (chunk.encoding) {
    case kXorEncoding: {
      auto decoded = DecodeXorChunk(chunk.data, mint, maxt, out);
      if (out->has_histograms()) out->h.resize(out->size());
      return decoded;
    }
    case kHistogramEncoding:
    case kFloatHistogramEncoding:
      return DecodeHistogramColumns(chunk.encoding == kHistogramEncoding, chunk.data, mint, maxt,
                                    out);
    default:
      return UnknownEncoding(chunk.encoding);
  }
}

bool ChangesAtRandom(const model::Columns& samples) {
  constexpr size_t kMost = 64;
  const model::Values& v = samples.v;
  size_t n = std::min(v.size(), kMost);
  size_t turns = 0;
  for (size_t i = 2; i < n; ++i) turns += (v[i] != v[i - 1]) != (v[i - 1] != v[i - 2]) ? 1 : 0;
  return turns * 4 > n;
}

Result<void> DecodeChunks(EncodedChunk first, EncodedChunk second, int64_t mint, int64_t maxt,
                          model::Columns* out) {
  bool floats = first.encoding == kXorEncoding && second.encoding == kXorEncoding;
  if (floats && !out->has_histograms())
    return DecodeXorChunks(first.data, second.data, mint, maxt, out);
  TRY(DecodeChunk(first, mint, maxt, out));
  return DecodeChunk(second, mint, maxt, out);
}

std::vector<ChunkCopy> EncodeSamples(const std::vector<AnySample>& samples) {
  Encoder encoder;
  for (const AnySample& sample : samples) encoder.Add(sample);
  return encoder.Take();
}

Result<std::vector<ChunkCopy>> RewriteChunks(const std::vector<EncodedChunk>& chunks, int64_t mint,
                                             int64_t maxt, const Intervals& deleted) {
  bool only_floats = std::all_of(chunks.begin(), chunks.end(), [](const EncodedChunk& chunk) {
    return chunk.encoding == kXorEncoding;
  });
  if (only_floats) {
    model::Columns columns;
    for (const EncodedChunk& chunk : chunks) {
      model::Columns samples;
      TRY(DecodeXorChunk(chunk.data, mint, maxt, &samples));
      MergeColumns(samples, &columns);
    }
    RemoveIntervals(deleted, &columns);
    return EncodeFloats(columns);
  }
  std::vector<AnySample> samples;
  for (size_t i = 0; i < chunks.size(); ++i) {
    TRY(DecodeAny(chunks[i], mint, maxt, i, &samples));
  }
  Remove(deleted, &samples);
  MergeSources(&samples);
  return EncodeSamples(samples);
}

Result<std::vector<ChunkCopy>> TrimChunks(std::vector<ChunkCopy> chunks, int64_t mint, int64_t maxt,
                                          const Intervals& deleted) {
  std::vector<ChunkCopy> out;
  for (ChunkCopy& chunk : chunks) {
    bool whole = chunk.mint >= mint && chunk.maxt <= maxt;
    if (whole && !Touches(deleted, chunk.mint, chunk.maxt)) {
      out.push_back(std::move(chunk));
      continue;
    }
    for (ChunkCopy& piece : TRY(RewriteChunks({chunk.view()}, mint, maxt, deleted))) {
      out.push_back(std::move(piece));
    }
  }
  return out;
}

Result<std::vector<ChunkCopy>> FlattenChunks(std::vector<ChunkCopy> chunks) {
  return FlattenChunks(std::move(chunks), [](const std::vector<EncodedChunk>& group) {
    return RewriteChunks(group, std::numeric_limits<int64_t>::min(),
                         std::numeric_limits<int64_t>::max(), {});
  });
}

std::vector<model::RawChunk> ToRawChunks(std::vector<ChunkCopy> chunks) {
  std::vector<model::RawChunk> out;
  out.reserve(chunks.size());
  for (ChunkCopy& chunk : chunks) {
    out.push_back({chunk.mint, chunk.maxt, chunk.encoding, std::move(chunk.bytes)});
  }
  return out;
}

}  // namespace slurmscope::tsdb
