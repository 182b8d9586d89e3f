#include "tsdb/tombstones.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr uint32_t kMagic = 0x0130BA30;
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderBytes = 5;
constexpr size_t kChecksumBytes = 4;

// The first interval that ends at `t` or later.
Intervals::const_iterator EndingFrom(const Intervals& intervals, int64_t t) {
  return std::lower_bound(
      intervals.begin(), intervals.end(), t,
      [](const TimeInterval& range, int64_t time) { return range.maxt < time; });
}

template <typename Vector>
void Compact(const std::vector<bool>& gone, Vector* values) {
  if (values->empty()) return;
  size_t kept = 0;
  for (size_t i = 0; i < values->size(); ++i) {
    if (gone[i]) continue;
    if (kept != i) (*values)[kept] = std::move((*values)[i]);
    ++kept;
  }
  values->resize(kept);
}

}  // namespace

std::string WriteTombstones(const Tombstones& tombstones) {
  std::vector<uint32_t> ids;
  for (const auto& [id, intervals] : tombstones) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  std::string content;
  for (uint32_t id : ids) {
    for (const TimeInterval& range : tombstones.at(id)) {
      base::PutUvarint(content, id);
      base::PutVarint(content, range.mint);
      base::PutVarint(content, range.maxt);
    }
  }
  std::string bytes;
  base::PutU32Be(bytes, kMagic);
  bytes += static_cast<char>(kVersion);
  bytes += content;
  base::PutU32Be(bytes, base::Crc32c(content));
  return bytes;
}

Result<Tombstones> ParseTombstones(std::string_view bytes) {
  base::ByteReader header(bytes);
  uint32_t magic = header.U32Be();
  uint8_t version = header.U8();
  bool sound =
      header.ok() && magic == kMagic && version == kVersion && header.remaining() >= kChecksumBytes;
  if (!sound) return Fail(ErrorCode::kCorruption, "not a file of tombstones");
  std::string_view content =
      bytes.substr(kHeaderBytes, bytes.size() - kHeaderBytes - kChecksumBytes);
  base::ByteReader checksum(bytes.substr(bytes.size() - kChecksumBytes));
  if (checksum.U32Be() != base::Crc32c(content)) {
    return Fail(ErrorCode::kCorruption, "tombstones do not match their checksum");
  }
  Tombstones out;
  base::ByteReader reader(content);
  while (reader.ok() && !reader.empty()) {
    uint64_t ref = reader.Uvarint();
    int64_t mint = reader.Varint();
    int64_t maxt = reader.Varint();
    if (ref > std::numeric_limits<uint32_t>::max()) {
      return Fail(ErrorCode::kCorruption, "tombstone of a series that cannot be");
    }
    if (reader.ok()) AddInterval({mint, maxt}, &out[static_cast<uint32_t>(ref)]);
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "tombstones end early");
  return out;
}

void AddInterval(TimeInterval added, Intervals* intervals) {
  if (added.mint > added.maxt) return;
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  // Neighbours without a gap count as touching.
  auto first = EndingFrom(*intervals, added.mint == kMin ? kMin : added.mint - 1);
  auto last = first;
  for (; last != intervals->end(); ++last) {
    if (added.maxt != kMax && last->mint > added.maxt + 1) break;
    added.mint = std::min(added.mint, last->mint);
    added.maxt = std::max(added.maxt, last->maxt);
  }
  auto place = intervals->erase(first, last);
  intervals->insert(place, added);
}

bool Covers(const Intervals& intervals, int64_t mint, int64_t maxt) {
  auto it = EndingFrom(intervals, mint);
  return it != intervals.end() && it->mint <= mint && it->maxt >= maxt;
}

bool Touches(const Intervals& intervals, int64_t mint, int64_t maxt) {
  auto it = EndingFrom(intervals, mint);
  return it != intervals.end() && it->mint <= maxt;
}

void RemoveIntervals(const Intervals& intervals, model::Columns* columns) {
  if (columns->t.empty() || !Touches(intervals, columns->t.front(), columns->t.back())) return;
  std::vector<bool> gone(columns->size());
  for (const TimeInterval& range : intervals) {
    auto first = std::lower_bound(columns->t.begin(), columns->t.end(), range.mint);
    auto last = std::upper_bound(first, columns->t.end(), range.maxt);
    std::fill(gone.begin() + (first - columns->t.begin()),
              gone.begin() + (last - columns->t.begin()), true);
  }
  Compact(gone, &columns->t);
  Compact(gone, &columns->v);
  Compact(gone, &columns->h);
}

}  // namespace slurmscope::tsdb
