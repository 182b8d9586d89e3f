#include "tsdb/histogram_state.h"

namespace slurmscope::tsdb {

void IntHistogramState::WriteTotals(const Histogram& h, bool stale, BitWriter& bits) {
  auto count_delta = static_cast<int64_t>(h.count - count_);
  auto zero_delta = static_cast<int64_t>(h.zero_count - zero_count_);
  bits.PutVarbitInt(stale ? 0 : Minus(count_delta, count_delta_));
  bits.PutVarbitInt(stale ? 0 : Minus(zero_delta, zero_delta_));
  bits.PutXor(sum_, h.sum);
  count_delta_ = count_delta;
  zero_delta_ = zero_delta;
}

void IntHistogramState::WriteSide(const std::vector<int32_t>& indexes,
                                  const std::vector<Bucket>& buckets, size_t place, bool first,
                                  BitWriter& bits) {
  BucketCursor<Bucket> cursor(buckets);
  int64_t before = 0;
  for (int32_t index : indexes) {
    int64_t count = cursor.CountAt(index);
    int64_t value = Minus(count, before);
    before = count;
    Stored& stored = buckets_[place++];
    int64_t delta = first ? 0 : Minus(value, stored.value);
    bits.PutVarbitInt(first ? value : Minus(delta, stored.delta));
    stored = {value, delta};
  }
}

void IntHistogramState::Write(const Histogram& h, const HistogramLayout& layout, bool first,
                              BitWriter& bits) {
  bool stale = model::IsStale(h.sum);
  if (first) {
    bits.PutVarbitUint(h.count);
    bits.PutVarbitUint(h.zero_count);
    sum_.bits = std::bit_cast<uint64_t>(h.sum);
    bits.Put(sum_.bits, 64);
  } else {
    WriteTotals(h, stale, bits);
  }
  count_ = h.count;
  zero_count_ = h.zero_count;
  if (stale && !first) return;
  WriteSide(layout.positive, h.positive, 0, first, bits);
  WriteSide(layout.negative, h.negative, positive_, first, bits);
}

bool IntHistogramState::Read(bool first, BitReader& bits) {
  if (first) {
    count_ = bits.ReadVarbitUint();
    zero_count_ = bits.ReadVarbitUint();
    sum_.bits = bits.Read(64);
    for (Stored& bucket : buckets_) bucket.value = bits.ReadVarbitInt();
    return true;
  }
  count_delta_ = Plus(count_delta_, bits.ReadVarbitInt());
  zero_delta_ = Plus(zero_delta_, bits.ReadVarbitInt());
  count_ += static_cast<uint64_t>(count_delta_);
  zero_count_ += static_cast<uint64_t>(zero_delta_);
  if (!bits.ReadXor(sum_)) return false;
  if (model::IsStale(sum())) return true;
  for (Stored& bucket : buckets_) {
    bucket.delta = Plus(bucket.delta, bits.ReadVarbitInt());
    bucket.value = Plus(bucket.value, bucket.delta);
  }
  return true;
}

void FloatHistogramState::WriteSide(const std::vector<int32_t>& indexes,
                                    const std::vector<Bucket>& buckets, size_t place, bool first,
                                    BitWriter& bits) {
  BucketCursor<Bucket> cursor(buckets);
  for (int32_t index : indexes) {
    double count = cursor.CountAt(index);
    XorValue& stored = buckets_[place++];
    if (!first) {
      bits.PutXor(stored, count);
      continue;
    }
    stored.bits = std::bit_cast<uint64_t>(count);
    bits.Put(stored.bits, 64);
  }
}

void FloatHistogramState::Write(const Histogram& h, const HistogramLayout& layout, bool first,
                                BitWriter& bits) {
  const double totals[] = {h.count, h.zero_count, h.sum};
  XorValue* stored[] = {&count_, &zero_count_, &sum_};
  for (size_t i = 0; i < 3; ++i) {
    if (!first) {
      bits.PutXor(*stored[i], totals[i]);
      continue;
    }
    stored[i]->bits = std::bit_cast<uint64_t>(totals[i]);
    bits.Put(stored[i]->bits, 64);
  }
  if (model::IsStale(h.sum) && !first) return;
  WriteSide(layout.positive, h.positive, 0, first, bits);
  WriteSide(layout.negative, h.negative, positive_, first, bits);
}

bool FloatHistogramState::Read(bool first, BitReader& bits) {
  if (first) {
    for (XorValue* value : {&count_, &zero_count_, &sum_}) value->bits = bits.Read(64);
    for (XorValue& bucket : buckets_) bucket.bits = bits.Read(64);
    return true;
  }
  for (XorValue* value : {&count_, &zero_count_, &sum_}) {
    if (!bits.ReadXor(*value)) return false;
  }
  if (model::IsStale(sum())) return true;
  for (XorValue& bucket : buckets_) {
    if (!bits.ReadXor(bucket)) return false;
  }
  return true;
}

}  // namespace slurmscope::tsdb
