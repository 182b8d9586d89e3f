#include "tsdb/replay_reader.h"

#include "base/bytes.h"
#include "base/strings.h"
#include "tsdb/wal_reader.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

size_t UvarintBytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

// Whether these labels, read from `packed`, are as model::Labels would keep them: byte for byte.
bool IsCanonical(LabelViews labels, std::string_view packed) {
  size_t bytes = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const model::Label& label = labels[i];
    if (label.value.empty() || (i > 0 && labels[i - 1].name >= label.name)) return false;
    bytes += UvarintBytes(label.name.size()) + label.name.size();
    bytes += UvarintBytes(label.value.size()) + label.value.size();
  }
  return bytes == packed.size();
}

uint64_t Rewrite(size_t first, DecodedRecord* out) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (size_t i = first; i < out->labels.size(); ++i) {
    pairs.emplace_back(out->labels[i].name, out->labels[i].value);
  }
  out->labels.resize(first);
  const auto& labels = out->rewritten.emplace_back(model::Labels::FromPairs(std::move(pairs)));
  for (model::Label label : labels) out->labels.push_back(label);
  return labels.Hash();
}

Result<void> DecodeLoggedSeries(std::string_view record, DecodedRecord* out) {
  out->bytes.assign(record.begin(), record.end());
  base::ByteReader reader({out->bytes.data(), out->bytes.size()});
  reader.U8();
  while (reader.ok() && !reader.empty()) {
    LoggedSeries entry;
    entry.ref = reader.U64Be();
    uint64_t count = reader.Uvarint();
    size_t first = out->labels.size();
    std::string_view packed = reader.rest();
    for (uint64_t i = 0; i < count && reader.ok(); ++i) {
      std::string_view name = reader.UvarintString();
      out->labels.push_back({name, reader.UvarintString()});
    }
    if (!reader.ok()) break;
    packed.remove_suffix(reader.remaining());
    LabelViews labels(out->labels.data() + first, out->labels.size() - first);
    entry.hash = IsCanonical(labels, packed) ? base::Hash64(packed) : Rewrite(first, out);
    entry.first_label = static_cast<uint32_t>(first);
    entry.label_count = static_cast<uint32_t>(out->labels.size() - first);
    out->series.push_back(entry);
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "series record does not fit its layout");
  return {};
}

}  // namespace

Result<bool> DecodeRecord(std::string_view record, DecodedRecord* out, ReadCounts* counts) {
  if (record.empty()) return false;
  auto type = static_cast<uint8_t>(record[0]);
  if (type == 0 || type > kLastKnownRecordType) {
    return Fail(ErrorCode::kUnavailable,
                base::StrCat("record type ", uint32_t{type}, " is unknown to this version"));
  }
  ++counts->records;
  switch (static_cast<RecordType>(type)) {
    case RecordType::kSeries:
      TRY(DecodeLoggedSeries(record, out));
      return true;
    case RecordType::kSamples:
      TRY(DecodeSamples(record, &out->samples));
      return true;
    case RecordType::kTombstones:
      TRY(DecodeTombstones(record, &out->tombstones));
      return true;
    case RecordType::kHistograms:
    case RecordType::kFloatHistograms:
    case RecordType::kCustomHistograms:
    case RecordType::kCustomFloatHistograms:
      TRY(DecodeHistograms(record, &out->histograms));
      return true;
    case RecordType::kExemplars:
      TRY(DecodeExemplars(record, &out->exemplars));
      return true;
    case RecordType::kMetadata:
      TRY(DecodeMetadata(record, &out->metadata));
      return true;
    default:
      ++counts->skipped[type];
      return false;
  }
}

Result<std::optional<WalDamage>> ReadSegment(const std::string& path, RecordQueue& queue,
                                             const std::atomic<bool>& stop, ReadCounts* counts) {
  SegmentReader reader = TRY(SegmentReader::Open(path));
  ++counts->segments;
  while (!stop.load(std::memory_order_relaxed)) {
    uint64_t start = reader.good_bytes();
    std::string_view record;
    SegmentReader::Next next = TRY_CONTEXT(reader.Read(&record), path);
    if (next == SegmentReader::Next::kEnd) return std::optional<WalDamage>();
    if (next != SegmentReader::Next::kRecord) {
      bool torn = next == SegmentReader::Next::kTorn;
      return WalDamage{path, start, reader.size(), torn,
                       torn ? "ends inside a record" : reader.problem()};
    }
    DecodedRecord decoded = queue.Spare();
    decoded.Clear();
    auto wanted = DecodeRecord(record, &decoded, counts);
    if (wanted && *wanted) queue.Push(std::move(decoded));
    if (wanted) continue;
    if (wanted.error().code() == ErrorCode::kCorruption) {
      return WalDamage{path, start, reader.size(), false, wanted.error().message()};
    }
    return Fail(wanted.error().code(),
                base::StrCat(path, ", record after offset ", start, ": ", wanted.error().message(),
                             "; a newer program wrote this data directory, start that one"));
  }
  return Fail(ErrorCode::kCanceled, "stopped while the write-ahead log was read");
}

}  // namespace slurmscope::tsdb
