#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "tsdb/wal_format.h"

namespace slurmscope::tsdb {

// Reads the records of one segment in order. Not thread-safe.
class SegmentReader {
 public:
  enum class Next {
    kRecord,
    kEnd,      // nothing more, all well
    kTorn,     // the file ends inside a record: a crash in the middle of a write
    kCorrupt,  // the bytes make no sense: see problem()
  };

  static base::Result<SegmentReader> Open(const std::string& path);
  // A segment in memory, which must outlive the reader.
  explicit SegmentReader(std::string_view segment) : page_(segment), size_(segment.size()) {}

  // On kRecord, `record` holds the next one, decompressed, until the next call. An error is one of
  // the operating system. After anything but kRecord the reader is done.
  base::Result<Next> Read(std::string_view* record);
  // Goes to the begin or end of a record of a file, and looks at the file anew: one that is still
  // written goes on where it seemed to end.
  base::Result<void> Seek(uint64_t offset);

  // Up to where the file is good: the end of the last record that was read.
  uint64_t good_bytes() const { return good_; }
  uint64_t size() const { return size_; }
  const std::string& problem() const { return problem_; }

 private:
  struct Fragment {
    uint8_t header = 0;
    std::string_view data;
  };
  explicit SegmentReader(base::File file, uint64_t size) : file_(std::move(file)), size_(size) {}

  base::Result<Next> ReadFragment(Fragment* fragment);
  base::Result<void> LoadPageAt(uint64_t offset);
  Next Corrupt(std::string problem);
  Next CheckPadding(size_t length);
  Next ParseFragment(std::string_view rest, Fragment* fragment);

  base::File file_;  // not open for a segment in memory
  std::string buffer_;
  std::string_view page_;  // what is loaded, beginning at page_start_
  uint64_t page_start_ = 0;
  uint64_t size_ = 0;
  uint64_t position_ = 0;
  uint64_t good_ = 0;
  std::string pieces_;
  std::string uncompressed_;
  std::string problem_;
};

}  // namespace slurmscope::tsdb
