#include "tsdb/chunk_segment.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

constexpr uint32_t kMagic = 0x85BD40DD;
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kMaxChunkOverhead = 10 + 1 + 4;  // length, encoding, checksum

std::string FileName(uint64_t number) {
  std::string digits = std::to_string(number);
  return digits.size() < 6 ? std::string(6 - digits.size(), '0') + digits : digits;
}

}  // namespace

Result<void> ChunkWriter::NextFile() {
  if (file_) TRY(file_->Finish());
  file_.emplace(TRY(OutputFile::Create(StrCat(directory_, "/", FileName(++files_)))));
  std::string header;
  base::PutU32Be(header, kMagic);
  header += static_cast<char>(kVersion);
  header.resize(kHeaderBytes);
  return file_->Write(header);
}

Result<uint64_t> ChunkWriter::Write(EncodedChunk chunk) {
  bool full = file_ && file_->position() + chunk.data.size() + kMaxChunkOverhead > segment_bytes_;
  if (!file_ || full) TRY(NextFile());
  uint64_t ref = ((files_ - 1) << 32) | file_->position();
  std::string bytes;
  base::PutUvarint(bytes, chunk.data.size());
  size_t content = bytes.size();
  bytes += static_cast<char>(chunk.encoding);
  bytes += chunk.data;
  base::PutU32Be(bytes, base::Crc32c(std::string_view(bytes).substr(content)));
  TRY(file_->Write(bytes));
  return ref;
}

Result<void> ChunkWriter::Finish() {
  if (!file_) TRY(NextFile());
  TRY(file_->Finish());
  return base::SyncDirectory(directory_);
}

Result<ChunkSegment> ChunkSegment::Parse(std::string_view bytes) {
  base::ByteReader reader(bytes);
  uint32_t magic = reader.U32Be();
  uint8_t version = reader.U8();
  reader.Bytes(3);
  if (!reader.ok() || magic != kMagic) return Fail(ErrorCode::kCorruption, "not a chunk file");
  if (version != kVersion) {
    return Fail(ErrorCode::kCorruption, StrCat("chunk file of version ", uint32_t{version}));
  }
  return ChunkSegment(bytes);
}

Result<EncodedChunk> ChunkSegment::Read(uint64_t offset) const {
  if (offset < kHeaderBytes || offset >= bytes_.size()) {
    return Fail(ErrorCode::kCorruption, "chunk reference outside of its file");
  }
  base::ByteReader reader(bytes_.substr(offset));
  uint64_t length = reader.Uvarint();
  if (!reader.ok() || length > reader.remaining()) {
    return Fail(ErrorCode::kCorruption, "chunk runs past the end of its file");
  }
  std::string_view content = reader.Bytes(length + 1);
  uint32_t crc = reader.U32Be();
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "chunk runs past the end of its file");
  if (crc != base::Crc32c(content)) {
    return Fail(ErrorCode::kCorruption, "chunk does not match its checksum");
  }
  return EncodedChunk{static_cast<uint8_t>(content[0]), content.substr(1)};
}

Result<ChunkReader> ChunkReader::Open(const std::string& directory) {
  ChunkReader reader;
  std::vector<uint64_t> numbers;
  for (const std::string& name : TRY(base::ListDirectory(directory))) {
    auto number = base::ParseInt<uint64_t>(name);
    if (number && FileName(*number) == name) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (uint64_t number : numbers) {
    std::string path = StrCat(directory, "/", FileName(number));
    if (number != reader.files_.size() + 1) {
      return Fail(ErrorCode::kCorruption, StrCat(path, ": a chunk file before it is missing"));
    }
    reader.files_.push_back(TRY(MappedFile::Open(path)));
    std::string_view view = reader.files_.back().view();
    reader.segments_.push_back(TRY_CONTEXT(ChunkSegment::Parse(view), path));
    reader.total_ += view.size();
  }
  return reader;
}

void ChunkReader::Prefetch(uint64_t ref) const {
  constexpr uint64_t kLine = 64;
  constexpr uint64_t kUsualBytes = 512;
  uint64_t file = ref >> 32;
  if (file >= files_.size()) return;
  std::string_view bytes = files_[file].view();
  uint64_t begin = ref & 0xFFFFFFFF;
  uint64_t end = std::min<uint64_t>(begin + kUsualBytes, bytes.size());
  for (uint64_t at = begin; at < end; at += kLine) __builtin_prefetch(bytes.data() + at);
}

Result<EncodedChunk> ChunkReader::Read(uint64_t ref) const {
  uint64_t file = ref >> 32;
  if (file >= segments_.size()) {
    return Fail(ErrorCode::kCorruption, "chunk reference to a file that is not there");
  }
  return segments_[file].Read(ref & 0xFFFFFFFF);
}

}  // namespace slurmscope::tsdb
