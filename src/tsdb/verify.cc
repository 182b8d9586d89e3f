#include "tsdb/verify.h"

#include <filesystem>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/block_writer.h"
#include "tsdb/ulid.h"
#include "tsdb/verify_sink.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

uint64_t TreeBytes(const std::string& path) {
  std::error_code error;
  uint64_t total = 0;
  for (auto it = std::filesystem::recursive_directory_iterator(path, error);
       !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) total += it->file_size(ignored);
  }
  return total;
}

void NoteLeftover(const std::string& path, const std::string& name, VerifySink& sink) {
  bool leftover = name.ends_with(kCreationSuffix) || name.ends_with(kDeletionSuffix);
  if (leftover) sink.Note(path, "a block being written or deleted, or left of a crash then");
}

}  // namespace

Result<VerifyReport> VerifyData(const std::string& path,
                                const std::function<void(uint64_t, uint64_t)>& on_progress) {
  if (!TRY(base::FileExists(path))) {
    return Fail(ErrorCode::kNotFound, StrCat(path, ": no such directory"));
  }
  VerifySink sink(TreeBytes(path), on_progress);
  for (const std::string& name : TRY(base::ListDirectory(path))) {
    std::string child = StrCat(path, "/", name);
    NoteLeftover(child, name, sink);
    if (IsUlid(name)) VerifyBlock(child, sink);
    if (name == "chunks_head") VerifyHeadChunks(child, sink);
  }
  VerifyLogs(path, sink);
  return std::move(sink.report);
}

}  // namespace slurmscope::tsdb
