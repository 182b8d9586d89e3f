#include "tsdb/histogram_chunk.h"

#include <limits>
#include <memory>
#include <utility>

#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using model::ResetHint;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// The top two bits of the third byte.
uint8_t FlagOf(ResetHint hint) {
  switch (hint) {
    case ResetHint::kReset:
      return 0x80;
    case ResetHint::kNotReset:
      return 0x40;
    case ResetHint::kGauge:
      return 0xC0;
    default:
      return 0;
  }
}

ResetHint HintOf(uint8_t flags) {
  constexpr ResetHint kHints[] = {ResetHint::kUnknown, ResetHint::kNotReset, ResetHint::kReset,
                                  ResetHint::kGauge};
  return kHints[flags >> 6];
}

// Nothing is lost inside a chunk. Before its first histogram only a reset is certain: the chunk
// before may be another one by now than when it was written.
ResetHint HintAt(ResetHint chunk, unsigned place) {
  if (chunk == ResetHint::kGauge) return chunk;
  if (place > 0) return ResetHint::kNotReset;
  return chunk == ResetHint::kReset ? chunk : ResetHint::kUnknown;
}

template <typename State, typename Buckets>
bool LostObservations(const State& state, bool positive, const std::vector<int32_t>& indexes,
                      const Buckets& buckets) {
  BucketCursor cursor(buckets);
  bool lost = false;
  state.VisitSide(positive, [&](size_t place, auto before) {
    lost = lost || cursor.CountAt(indexes[place]) < before;
  });
  return lost;
}

void AddTo(double& to, double count) { to += count; }
// Wraps around, as counts of foreign chunks may be anything.
void AddTo(int64_t& to, int64_t count) {
  to = static_cast<int64_t>(static_cast<uint64_t>(to) + static_cast<uint64_t>(count));
}

// Neighbours of equal index, which a layout of a finer schema than is known has, become one.
template <typename State, typename Buckets>
void FillSide(const State& state, bool positive, const std::vector<int32_t>& indexes,
              Buckets* buckets) {
  size_t used = 0;
  state.VisitSide(positive, [&](size_t, auto count) { used += count != 0 ? 1 : 0; });
  buckets->reserve(used);
  using Count = decltype(buckets->front().count);
  state.VisitSide(positive, [&](size_t place, auto count) {
    if (count == 0) return;
    bool same = !buckets->empty() && buckets->back().index == indexes[place];
    if (same) {
      AddTo(buckets->back().count, static_cast<Count>(count));
    } else {
      buckets->push_back({indexes[place], static_cast<Count>(count)});
    }
  });
}

template <typename State, typename Histogram>
void Fill(const State& state, const HistogramLayout& layout, Histogram* h) {
  h->sum = state.sum();
  if (model::IsStale(h->sum)) return;
  h->schema = layout.schema;
  h->zero_threshold = layout.zero_threshold;
  h->zero_count = static_cast<decltype(h->zero_count)>(state.zero_count());
  h->count = static_cast<decltype(h->count)>(state.count());
  h->custom_values = layout.custom_values;
  FillSide(state, true, layout.positive, &h->positive);
  FillSide(state, false, layout.negative, &h->negative);
}

Result<void> Corrupt(std::string_view what) {
  return Fail(ErrorCode::kCorruption, base::StrCat("histogram chunk: ", what));
}

// Calls `take(t, hint, state, layout)` for the samples of [mint, maxt].
template <typename State, typename Take>
Result<void> Decode(std::string_view chunk, int64_t mint, int64_t maxt, Take take) {
  if (chunk.size() < kHistogramHeaderBytes) return Corrupt("shorter than its header");
  unsigned count = (unsigned{static_cast<uint8_t>(chunk[0])} << 8) | static_cast<uint8_t>(chunk[1]);
  if (count == 0) return {};
  ResetHint hint = HistogramChunkHint(chunk);
  BitReader bits(chunk.substr(kHistogramHeaderBytes));
  HistogramLayout layout;
  if (!ReadLayout(bits, &layout)) return Corrupt("its layout makes no sense");
  State state(layout);
  uint64_t delta = 0;
  int64_t t = bits.ReadVarbitInt();
  for (unsigned i = 0; i < count; ++i) {
    if (i > 0) {
      delta += static_cast<uint64_t>(bits.ReadVarbitInt());
      auto next = static_cast<int64_t>(static_cast<uint64_t>(t) + delta);
      if (next <= t) return Corrupt("times do not ascend");
      t = next;
    }
    if (!state.Read(i == 0, bits)) return Corrupt("window of over 64 bits");
    if (bits.past_end()) return Corrupt("ends early");
    if (t > maxt) break;
    if (t >= mint) take(t, HintAt(hint, i), state, layout);
  }
  return {};
}

template <typename State>
Result<void> DecodeTimed(std::string_view chunk, int64_t mint, int64_t maxt,
                         std::vector<TimedHistogram<typename State::Histogram>>* out) {
  size_t old_size = out->size();
  auto decoded = Decode<State>(
      chunk, mint, maxt,
      [&](int64_t t, ResetHint hint, const State& state, const HistogramLayout& layout) {
        auto& sample = out->emplace_back();
        sample.t = t;
        sample.h.hint = hint;
        Fill(state, layout, &sample.h);
      });
  if (!decoded) out->resize(old_size);
  return decoded;
}

template <typename State>
Result<void> DecodeColumns(std::string_view chunk, int64_t mint, int64_t maxt,
                           model::Columns* out) {
  size_t old_size = out->size();
  auto take = [&](int64_t t, ResetHint hint, const State& state, const HistogramLayout& layout) {
    if (model::IsStale(state.sum())) return out->Append(t, state.sum());
    auto h = std::make_shared<model::FloatHistogram>();
    h->hint = hint;
    Fill(state, layout, h.get());
    out->Append(t, std::move(h));
  };
  auto decoded = Decode<State>(chunk, mint, maxt, take);
  if (!decoded) {
    out->t.resize(old_size);
    out->v.resize(old_size);
    if (!out->h.empty()) out->h.resize(old_size);
  }
  return decoded;
}

}  // namespace

template <typename State>
HistogramFit HistogramChunkBuilder<State>::Fit(const Histogram& h) const {
  constexpr HistogramFit kFits{true, false}, kOther{false, false}, kReset{false, true};
  if (count_ == 0) return kFits;
  bool stale = model::IsStale(h.sum);
  if (h.hint == ResetHint::kReset) return kReset;
  if (stale) return kFits;
  bool gauge = h.hint == ResetHint::kGauge;
  if (model::IsStale(state_.sum()) || gauge != (hint_ == ResetHint::kGauge)) return kOther;
  if (!gauge && h.count < state_.count()) return kReset;
  if (h.schema != layout_.schema || h.zero_threshold != layout_.zero_threshold) return kOther;
  if (h.custom_values != layout_.custom_values) return gauge ? kOther : kReset;
  if (gauge) return kFits;
  bool lost = h.zero_count < state_.zero_count() ||
              LostObservations(state_, true, layout_.positive, h.positive) ||
              LostObservations(state_, false, layout_.negative, h.negative);
  return lost ? kReset : kFits;
}

template <typename State>
void HistogramChunkBuilder<State>::Begin(const Histogram& first) {
  if (first.hint == ResetHint::kGauge || first.hint == ResetHint::kReset) hint_ = first.hint;
  HistogramLayout layout;
  layout.schema = first.schema;
  layout.zero_threshold = first.zero_threshold;
  layout.custom_values = first.custom_values;
  for (const auto& bucket : first.positive) layout.positive.push_back(bucket.index);
  for (const auto& bucket : first.negative) layout.negative.push_back(bucket.index);
  Grow(std::move(layout));
}

// Leaves a chunk of the new layout without samples.
template <typename State>
void HistogramChunkBuilder<State>::Grow(HistogramLayout layout) {
  layout_ = std::move(layout);
  state_ = State(layout_);
  bits_ = BitWriter();
  bits_.Put(0, 16);
  bits_.Put(FlagOf(hint_), 8);
  WriteLayout(layout_, bits_);
  count_ = 0;
}

template <typename State>
void HistogramChunkBuilder<State>::Write(int64_t t, const Histogram& h) {
  auto delta = static_cast<uint64_t>(t) - static_cast<uint64_t>(last_time_);
  if (count_ == 0) {
    bits_.PutVarbitInt(t);
    first_time_ = t;
    delta = 0;
  } else {
    bits_.PutVarbitInt(static_cast<int64_t>(delta - static_cast<uint64_t>(time_delta_)));
  }
  time_delta_ = static_cast<int64_t>(delta);
  last_time_ = t;
  state_.Write(h, layout_, count_ == 0, bits_);
  ++count_;
  bits_.bytes()[0] = static_cast<char>(count_ >> 8);
  bits_.bytes()[1] = static_cast<char>(count_ & 0xFF);
}

template <typename State>
void HistogramChunkBuilder<State>::Append(int64_t t, const Histogram& h) {
  if (model::IsStale(h.sum)) {
    Histogram marker;
    marker.sum = h.sum;
    if (count_ == 0) Begin(marker);
    return Write(t, marker);
  }
  if (count_ == 0) {
    Begin(h);
    return Write(t, h);
  }
  HistogramLayout wider = layout_;
  bool grows = Widen(wider.positive, h.positive);
  grows = Widen(wider.negative, h.negative) || grows;
  if (grows) {
    std::vector<TimedHistogram<Histogram>> samples;
    // What this wrote itself decodes.
    (void)DecodeTimed<State>(bytes(), kMin, kMax, &samples);
    Grow(std::move(wider));
    for (const auto& sample : samples) Write(sample.t, sample.h);
  }
  Write(t, h);
}

template <typename State>
typename State::Histogram HistogramChunkBuilder<State>::Last() const {
  Histogram h;
  Fill(state_, layout_, &h);
  return h;
}

template class HistogramChunkBuilder<IntHistogramState>;
template class HistogramChunkBuilder<FloatHistogramState>;

ResetHint HistogramChunkHint(std::string_view chunk) {
  return chunk.size() < kHistogramHeaderBytes ? ResetHint::kUnknown
                                              : HintOf(static_cast<uint8_t>(chunk[2]));
}

Result<int64_t> HistogramChunkFirstTime(std::string_view chunk) {
  if (chunk.size() < kHistogramHeaderBytes) return Fail(Corrupt("has no samples").error());
  BitReader bits(chunk.substr(kHistogramHeaderBytes));
  HistogramLayout layout;
  if (!ReadLayout(bits, &layout)) return Fail(Corrupt("its layout makes no sense").error());
  return bits.ReadVarbitInt();
}

Result<void> DecodeIntHistogramChunk(std::string_view chunk, int64_t mint, int64_t maxt,
                                     std::vector<TimedIntHistogram>* out) {
  return DecodeTimed<IntHistogramState>(chunk, mint, maxt, out);
}

Result<void> DecodeFloatHistogramChunk(std::string_view chunk, int64_t mint, int64_t maxt,
                                       std::vector<TimedFloatHistogram>* out) {
  return DecodeTimed<FloatHistogramState>(chunk, mint, maxt, out);
}

Result<void> DecodeHistogramColumns(bool integer, std::string_view chunk, int64_t mint,
                                    int64_t maxt, model::Columns* out) {
  return integer ? DecodeColumns<IntHistogramState>(chunk, mint, maxt, out)
                 : DecodeColumns<FloatHistogramState>(chunk, mint, maxt, out);
}

}  // namespace slurmscope::tsdb
