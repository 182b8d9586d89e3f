// How full chunks leave the head's memory.
#include "base/log.h"
#include "tsdb/head.h"

namespace slurmscope::tsdb {
namespace {

constexpr size_t kBatchBytes = 1 << 20;

}  // namespace

base::Result<void> Head::WriteFullChunks() {
  if (chunk_files_ == nullptr) return {};
  std::lock_guard lock(write_mutex_);
  base::Result<void> result;
  while (result) {
    std::vector<FullChunks::Pending> batch = full_chunks_.NextPending(kBatchBytes);
    if (batch.empty()) break;
    std::vector<std::string_view> bytes;
    for (const FullChunks::Pending& pending : batch) bytes.push_back(pending.stored);
    std::vector<HeadChunkFiles::Stored> stored;
    result = chunk_files_->Append(bytes, &stored);
    std::vector<const char*> places;
    for (const HeadChunkFiles::Stored& each : stored) places.push_back(each.bytes);
    auto garbage = std::make_shared<FullChunks::Garbage>();
    full_chunks_.Written(batch, places, garbage.get());
    grace_.Defer([garbage] {});
  }
  grace_.Run();
  return result;
}

base::Result<void> Head::TruncateChunkFiles(int64_t mint) {
  if (chunk_files_ == nullptr) return {};
  auto unmapped = std::make_shared<std::vector<MappedFile>>();
  auto result = ooo_.TruncateFiles(*chunk_files_, mint, unmapped.get());
  // A reader that began before may be in the middle of one of their chunks.
  if (!unmapped->empty()) grace_.Defer([unmapped] {});
  return result;
}

}  // namespace slurmscope::tsdb
