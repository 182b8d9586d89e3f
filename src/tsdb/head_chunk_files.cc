#include "tsdb/head_chunk_files.h"

#include <fcntl.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

constexpr size_t kBufferBytes = 1 << 20;

}  // namespace

std::string HeadChunkFiles::PathOf(uint64_t number) const {
  return StrCat(options_.directory, "/", HeadChunkFileName(number));
}

HeadChunkFiles::~HeadChunkFiles() {
  if (!current_.is_open()) return;
  if (auto synced = EndFile(); !synced) {
    base::LogWarn("the newest file of head chunks could not be synced",
                  {{"error", synced.error()}});
  }
}

// A file from before is brought to the length of what is good in it and synced, so that later files
// stand for earlier ones.
Result<void> HeadChunkFiles::NextFile() {
  if (current_.is_open()) TRY(EndFile());
  if (loaded_last_) TRY(CutFile(PathOf(files_.back().number), files_.back().bytes));
  loaded_last_ = false;
  TRY(base::MakeDirectories(options_.directory));
  std::string path = PathOf(next_number_);
  ChunkFile file;
  file.number = next_number_;
  file.bytes = kHeadChunkFileHeaderBytes;
  auto open = [&]() -> Result<void> {
    current_ = TRY(base::File::Open(path, O_RDWR | O_CREAT | O_TRUNC));
    TRY_CONTEXT(current_.WriteAllAt(HeadChunkFileHeader(), 0), path);
    file.map = TRY(MappedFile::Open(path, options_.file_bytes + kMaxHeadChunkBytes));
    return {};
  };
  if (auto opened = open(); !opened) {
    current_.Close();
    (void)base::RemoveFile(path);
    return opened;
  }
  files_.push_back(std::move(file));
  ++next_number_;
  total_.fetch_add(kHeadChunkFileHeaderBytes, std::memory_order_relaxed);
  return {};
}

// After a failed sync the kernel takes pages for written that are not: they must be made dirty
// again.
Result<void> HeadChunkFiles::WriteAgain() {
  std::string_view view = files_.back().map.view();
  uint64_t size = files_.back().bytes;
  for (uint64_t at = 0; at < size; at += kBufferBytes) {
    std::string piece(view.substr(at, std::min<uint64_t>(kBufferBytes, size - at)));
    TRY(current_.WriteAllAt(piece, at));
  }
  return {};
}

Result<void> HeadChunkFiles::EndFile() {
  std::string path = PathOf(files_.back().number);
  if (torn_) TRY_CONTEXT(current_.Truncate(files_.back().bytes), path);
  torn_ = false;
  if (sync_failed_) TRY_CONTEXT(WriteAgain(), path);
  sync_failed_ = true;
  TRY_CONTEXT(current_.Sync(), path);
  sync_failed_ = false;
  current_.Close();
  return base::SyncDirectory(options_.directory);
}

// Writes what is buffered to the current file; `waiting` becomes part of `out` when it is there.
Result<void> HeadChunkFiles::Flush(std::vector<Stored>* waiting, std::vector<Stored>* out) {
  if (buffer_.empty()) return {};
  ChunkFile& file = files_.back();
  std::string path = PathOf(file.number);
  if (torn_) TRY_CONTEXT(current_.Truncate(file.bytes), path);
  torn_ = true;
  TRY_CONTEXT(current_.WriteAllAt(buffer_, file.bytes), path);
  torn_ = false;
  for (Stored& stored : *waiting) {
    file.maxt = std::max(file.maxt, stored.chunk.maxt);
    out->push_back(stored);
  }
  file.bytes += buffer_.size();
  total_.fetch_add(buffer_.size(), std::memory_order_relaxed);
  waiting->clear();
  buffer_.clear();
  return {};
}

Result<void> HeadChunkFiles::Append(const std::vector<std::string_view>& chunks,
                                    std::vector<Stored>* out) {
  std::lock_guard lock(mutex_);
  buffer_.clear();
  std::vector<Stored> waiting;
  for (std::string_view bytes : chunks) {
    Stored stored;
    size_t size = 0;
    if (bytes.size() > kMaxHeadChunkBytes ||
        ReadHeadChunk(bytes, &stored.chunk, &size) != HeadChunkRead::kChunk) {
      return Fail(ErrorCode::kInternal, "what is to be written is no head chunk");
    }
    uint64_t offset = current_.is_open() ? files_.back().bytes + buffer_.size() : 0;
    if (!current_.is_open() || offset + bytes.size() > options_.file_bytes) {
      if (!buffer_.empty()) TRY(Flush(&waiting, out));
      TRY(NextFile());
      offset = kHeadChunkFileHeaderBytes;
    }
    const ChunkFile& file = files_.back();
    stored.ref = (file.number << 32) | offset;
    stored.bytes = file.map.view().data() + offset;
    size_t data_at = static_cast<size_t>(stored.chunk.chunk.data.data() - bytes.data());
    stored.chunk.chunk.data = {stored.bytes + data_at, stored.chunk.chunk.data.size()};
    buffer_ += bytes;
    waiting.push_back(stored);
  }
  return Flush(&waiting, out);
}

Result<HeadChunkFiles::Stored> HeadChunkFiles::Append(const HeadChunk& chunk) {
  std::string bytes;
  AppendHeadChunk(chunk, &bytes);
  std::vector<Stored> out;
  TRY(Append({bytes}, &out));
  return out.front();
}

Result<HeadChunk> HeadChunkFiles::Read(Ref ref) const {
  std::lock_guard lock(mutex_);
  auto file = std::find_if(files_.begin(), files_.end(),
                           [&](const ChunkFile& each) { return each.number == ref >> 32; });
  uint64_t offset = ref & 0xFFFFFFFF;
  bool inside = file != files_.end() && offset >= kHeadChunkFileHeaderBytes && offset < file->bytes;
  HeadChunk chunk;
  size_t size = 0;
  if (inside) {
    std::string_view rest = file->map.view().substr(offset, file->bytes - offset);
    if (ReadHeadChunk(rest, &chunk, &size) == HeadChunkRead::kChunk) return chunk;
  }
  return Fail(ErrorCode::kCorruption, StrCat(options_.directory, ": no chunk at ", ref));
}

// Only from the oldest on: a gap in the numbers reads as damage.
Result<void> HeadChunkFiles::Truncate(int64_t mint, std::vector<MappedFile>* unmapped,
                                      Ref keep_from) {
  std::lock_guard lock(mutex_);
  if (current_.is_open()) TRY(EndFile());
  bool removed = false;
  while (!files_.empty() && files_.front().maxt < mint && files_.front().number < keep_from >> 32) {
    TRY(base::RemoveFile(PathOf(files_.front().number)));
    total_.fetch_sub(files_.front().bytes, std::memory_order_relaxed);
    unmapped->push_back(std::move(files_.front().map));
    files_.erase(files_.begin());
    removed = true;
  }
  loaded_last_ = loaded_last_ && !files_.empty();
  return removed ? base::SyncDirectory(options_.directory) : Result<void>();
}

}  // namespace slurmscope::tsdb
