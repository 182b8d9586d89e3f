#include "tsdb/head_chunk_format.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

constexpr uint32_t kMagic = 0x0130BC91;
constexpr uint8_t kVersion = 1;
constexpr uint8_t kOutOfOrderBit = 0x80;
constexpr size_t kTimesEnd = 24;  // the series' reference and two times
constexpr size_t kChecksumBytes = 4;

bool OnlyZeros(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// Fills all but the place of the series; false when the bytes end too early.
bool ReadFields(base::ByteReader& reader, HeadChunk* out) {
  out->series_ref = reader.U64Be();
  out->mint = static_cast<int64_t>(reader.U64Be());
  out->maxt = static_cast<int64_t>(reader.U64Be());
  uint8_t encoding = reader.U8();
  out->out_of_order = (encoding & kOutOfOrderBit) != 0;
  out->chunk.encoding = encoding & ~kOutOfOrderBit;
  return reader.ok();
}

}  // namespace

std::string HeadChunkFileHeader() {
  std::string header;
  base::PutU32Be(header, kMagic);
  header += static_cast<char>(kVersion);
  header.resize(kHeadChunkFileHeaderBytes);
  return header;
}

bool IsHeadChunkFile(std::string_view file) {
  base::ByteReader reader(file);
  return reader.U32Be() == kMagic && reader.U8() == kVersion &&
         file.size() >= kHeadChunkFileHeaderBytes;
}

void AppendHeadChunk(const HeadChunk& chunk, std::string* out) {
  size_t begin = out->size();
  base::PutU64Be(*out, chunk.series_ref);
  base::PutU64Be(*out, static_cast<uint64_t>(chunk.mint));
  base::PutU64Be(*out, static_cast<uint64_t>(chunk.maxt));
  uint8_t bit = chunk.out_of_order ? kOutOfOrderBit : 0;
  *out += static_cast<char>(chunk.chunk.encoding | bit);
  base::PutUvarintString(*out, chunk.chunk.data);
  base::PutU32Be(*out, base::Crc32c(std::string_view(*out).substr(begin)));
}

HeadChunkRead ReadHeadChunk(std::string_view bytes, HeadChunk* out, size_t* size) {
  base::ByteReader reader(bytes);
  if (!ReadFields(reader, out) || out->series_ref == 0) {
    if (OnlyZeros(bytes)) return HeadChunkRead::kEnd;
    return reader.ok() ? HeadChunkRead::kCorrupt : HeadChunkRead::kTorn;
  }
  uint64_t length = reader.Uvarint();
  if (reader.ok() && length > kMaxHeadChunkBytes) return HeadChunkRead::kCorrupt;
  out->chunk.data = reader.Bytes(length);
  size_t content = bytes.size() - reader.remaining();
  uint32_t checksum = reader.U32Be();
  if (!reader.ok()) return HeadChunkRead::kTorn;
  *size = content + kChecksumBytes;
  bool good = checksum == base::Crc32c(bytes.substr(0, content)) && out->mint <= out->maxt &&
              out->chunk.encoding != 0 && ChunkSamples(out->chunk) > 0;
  return good ? HeadChunkRead::kChunk : HeadChunkRead::kCorrupt;
}

std::string_view ProblemOf(HeadChunkRead read) {
  if (read == HeadChunkRead::kTorn) return "a chunk runs past the end of the file";
  if (read == HeadChunkRead::kCorrupt) return "a chunk does not match its checksum";
  return "";
}

EncodedChunk TrustedHeadChunk(const char* stored) {
  auto encoding = static_cast<uint8_t>(stored[kTimesEnd]) & ~kOutOfOrderBit;
  const char* at = stored + kTimesEnd + 1;
  size_t length = 0;
  for (unsigned shift = 0; shift < 63; shift += 7) {
    auto byte = static_cast<uint8_t>(*at++);
    length |= static_cast<size_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  return {static_cast<uint8_t>(encoding), {at, length}};
}

std::string HeadChunkFileName(uint64_t number) {
  std::string digits = std::to_string(number);
  return digits.size() < 6 ? std::string(6 - digits.size(), '0') + digits : digits;
}

std::optional<uint64_t> ParseHeadChunkFileName(const std::string& name) {
  auto number = base::ParseInt<uint64_t>(name);
  if (!number || HeadChunkFileName(*number) != name) return std::nullopt;
  return number;
}

}  // namespace slurmscope::tsdb
