#include "tsdb/wal_histogram_record.h"

#include <bit>

#include "base/bytes.h"
#include "model/histogram_spans.h"

namespace slurmscope::tsdb {
namespace {

using base::ByteReader;
using base::ErrorCode;
using base::Fail;
using base::Result;
using model::FloatHistogram;
using model::IntHistogram;

void PutFloat(std::string& out, double value) {
  base::PutU64Be(out, std::bit_cast<uint64_t>(value));
}
double ReadFloat(ByteReader& reader) { return std::bit_cast<double>(reader.U64Be()); }

void PutTotals(std::string& out, const IntHistogram& h) {
  base::PutUvarint(out, h.zero_count);
  base::PutUvarint(out, h.count);
}
void PutTotals(std::string& out, const FloatHistogram& h) {
  PutFloat(out, h.zero_count);
  PutFloat(out, h.count);
}
void ReadTotals(ByteReader& reader, IntHistogram* h) {
  h->zero_count = reader.Uvarint();
  h->count = reader.Uvarint();
}
void ReadTotals(ByteReader& reader, FloatHistogram* h) {
  h->zero_count = ReadFloat(reader);
  h->count = ReadFloat(reader);
}

// Whole counts are written as the difference to the bucket before.
void PutCounts(std::string& out, const std::vector<model::IntHistogramBucket>& buckets) {
  base::PutUvarint(out, buckets.size());
  int64_t before = 0;
  for (const auto& bucket : buckets) {
    base::PutVarint(out, bucket.count - before);
    before = bucket.count;
  }
}
void PutCounts(std::string& out, const std::vector<model::HistogramBucket>& buckets) {
  base::PutUvarint(out, buckets.size());
  for (const auto& bucket : buckets) PutFloat(out, bucket.count);
}
void ReadCount(ByteReader& reader, int64_t before, int64_t* count) {
  *count =
      static_cast<int64_t>(static_cast<uint64_t>(before) + static_cast<uint64_t>(reader.Varint()));
}
void ReadCount(ByteReader& reader, double /*before*/, double* count) { *count = ReadFloat(reader); }

template <typename Bucket>
void PutSpans(std::string& out, const std::vector<Bucket>& buckets) {
  auto index_at = [&](size_t i) { return buckets[i].index; };
  uint64_t count = 0;
  model::ForEachSpan(buckets.size(), index_at, [&](model::Span) { ++count; });
  base::PutUvarint(out, count);
  model::ForEachSpan(buckets.size(), index_at, [&](model::Span span) {
    base::PutVarint(out, span.offset);
    base::PutUvarint(out, span.length);
  });
}

bool ReadSpans(ByteReader& reader, std::vector<int32_t>* indexes) {
  uint64_t count = reader.Uvarint();
  model::SpanReader spans(reader.remaining(), indexes);
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    int64_t offset = reader.Varint();
    if (!spans.Add(offset, reader.Uvarint())) return false;
  }
  return reader.ok();
}

// A count for each index.
template <typename Bucket>
bool ReadCounts(ByteReader& reader, const std::vector<int32_t>& indexes,
                std::vector<Bucket>* buckets) {
  uint64_t count = reader.Uvarint();
  if (count != indexes.size() || count > reader.remaining()) return false;
  buckets->reserve(count);
  auto before = decltype(Bucket::count){};
  for (int32_t index : indexes) {
    ReadCount(reader, before, &before);
    buckets->push_back({index, before});
  }
  return reader.ok();
}

template <typename Histogram>
void PutHistogram(std::string& out, const Histogram& h) {
  out += static_cast<char>(h.hint);
  base::PutVarint(out, h.schema);
  PutFloat(out, h.zero_threshold);
  PutTotals(out, h);
  PutFloat(out, h.sum);
  PutSpans(out, h.positive);
  PutSpans(out, h.negative);
  PutCounts(out, h.positive);
  PutCounts(out, h.negative);
  if (!h.custom()) return;
  base::PutUvarint(out, h.custom_values.size());
  for (double bound : h.custom_values) PutFloat(out, bound);
}

bool ReadBounds(ByteReader& reader, std::vector<double>* bounds) {
  uint64_t count = reader.Uvarint();
  if (count > reader.remaining() / 8) return false;
  for (uint64_t i = 0; i < count; ++i) bounds->push_back(ReadFloat(reader));
  return reader.ok();
}

template <typename Histogram>
bool ReadHistogram(ByteReader& reader, Histogram* h) {
  uint8_t hint = reader.U8();
  int64_t schema = reader.Varint();
  if (hint > static_cast<uint8_t>(model::ResetHint::kGauge)) return false;
  if (schema < INT8_MIN || schema > INT8_MAX) return false;
  h->hint = static_cast<model::ResetHint>(hint);
  h->schema = static_cast<int32_t>(schema);
  h->zero_threshold = ReadFloat(reader);
  ReadTotals(reader, h);
  h->sum = ReadFloat(reader);
  std::vector<int32_t> positive;
  std::vector<int32_t> negative;
  if (!ReadSpans(reader, &positive) || !ReadSpans(reader, &negative)) return false;
  if (!ReadCounts(reader, positive, &h->positive)) return false;
  if (!ReadCounts(reader, negative, &h->negative)) return false;
  return !h->custom() || ReadBounds(reader, &h->custom_values);
}

template <typename Histogram>
bool ReadEntry(ByteReader& reader, HistogramEntry* entry) {
  return ReadHistogram(reader, &entry->h.emplace<Histogram>());
}

}  // namespace

RecordType HistogramRecordType(HistogramRef h) {
  using enum RecordType;
  if (h.integer()) return h.custom() ? kCustomHistograms : kHistograms;
  return h.custom() ? kCustomFloatHistograms : kFloatHistograms;
}

void HistogramsRecord::Add(uint64_t ref, int64_t t, HistogramRef h) {
  if (bytes_.empty()) {
    bytes_ += static_cast<char>(type_);
    base::PutU64Be(bytes_, ref);
    base::PutU64Be(bytes_, static_cast<uint64_t>(t));
    first_ref_ = ref;
    first_t_ = t;
  }
  base::PutVarint(bytes_, static_cast<int64_t>(ref - first_ref_));
  base::PutVarint(bytes_,
                  static_cast<int64_t>(static_cast<uint64_t>(t) - static_cast<uint64_t>(first_t_)));
  if (h.integer()) {
    PutHistogram(bytes_, h.ints());
  } else {
    PutHistogram(bytes_, h.floats());
  }
}

Result<void> DecodeHistograms(std::string_view record, std::vector<HistogramEntry>* out) {
  ByteReader reader(record);
  auto type = static_cast<RecordType>(reader.U8());
  bool integer = type == RecordType::kHistograms || type == RecordType::kCustomHistograms;
  if (reader.empty()) return {};
  uint64_t first_ref = reader.U64Be();
  uint64_t first_t = reader.U64Be();
  while (reader.ok() && !reader.empty()) {
    HistogramEntry entry;
    entry.ref = first_ref + static_cast<uint64_t>(reader.Varint());
    entry.t = static_cast<int64_t>(first_t + static_cast<uint64_t>(reader.Varint()));
    bool good = integer ? ReadEntry<IntHistogram>(reader, &entry)
                        : ReadEntry<FloatHistogram>(reader, &entry);
    if (!good || !reader.ok()) break;
    out->push_back(std::move(entry));
  }
  if (reader.ok() && reader.empty()) return {};
  return Fail(ErrorCode::kCorruption, "histogram record does not fit its layout");
}

}  // namespace slurmscope::tsdb
