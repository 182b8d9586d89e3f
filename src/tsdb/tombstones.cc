#include "tsdb/tombstones.h"

#include <algorithm>

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

}  // namespace

std::string EmptyTombstones() {
  std::string bytes;
  base::PutU32Be(bytes, kMagic);
  bytes += static_cast<char>(kVersion);
  base::PutU32Be(bytes, base::Crc32c({}));
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
    if (reader.ok()) out[static_cast<uint32_t>(ref)].push_back({mint, maxt});
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "tombstones end early");
  return out;
}

void RemoveIntervals(const std::vector<TimeInterval>& intervals, model::Columns* columns) {
  size_t kept = 0;
  for (size_t i = 0; i < columns->size(); ++i) {
    int64_t t = columns->t[i];
    bool removed = std::any_of(intervals.begin(), intervals.end(), [t](const TimeInterval& range) {
      return range.mint <= t && t <= range.maxt;
    });
    if (removed) continue;
    columns->t[kept] = t;
    columns->v[kept++] = columns->v[i];
  }
  columns->t.resize(kept);
  columns->v.resize(kept);
}

}  // namespace slurmscope::tsdb
