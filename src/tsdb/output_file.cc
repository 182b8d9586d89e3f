#include "tsdb/output_file.h"

#include <fcntl.h>

namespace slurmscope::tsdb {
namespace {

using base::Result;

constexpr size_t kBufferBytes = 1 << 20;

}  // namespace

Result<OutputFile> OutputFile::Create(const std::string& path) {
  return OutputFile(TRY(base::File::Open(path, O_RDWR | O_CREAT | O_TRUNC)), path);
}

Result<void> OutputFile::Flush() {
  TRY_CONTEXT(file_.WriteAll(buffer_), path_);
  buffer_.clear();
  return {};
}

Result<void> OutputFile::Write(std::string_view bytes) {
  buffer_ += bytes;
  position_ += bytes.size();
  return buffer_.size() < kBufferBytes ? Result<void>() : Flush();
}

Result<void> OutputFile::Align(uint64_t alignment) {
  uint64_t over = position_ % alignment;
  return over == 0 ? Result<void>() : Write(std::string(alignment - over, '\0'));
}

Result<void> OutputFile::Patch(uint64_t offset, std::string_view bytes) {
  TRY(Flush());
  TRY_CONTEXT(file_.WriteAllAt(bytes, offset), path_);
  return {};
}

Result<void> OutputFile::Finish() {
  TRY(Flush());
  TRY_CONTEXT(file_.Sync(), path_);
  file_.Close();
  return {};
}

}  // namespace slurmscope::tsdb
