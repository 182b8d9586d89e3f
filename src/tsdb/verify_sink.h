#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "tsdb/verify.h"

namespace slurmscope::tsdb {

// Where the parts of a verification put what they find. Not thread-safe.
class VerifySink {
 public:
  VerifySink(uint64_t total_bytes, const std::function<void(uint64_t, uint64_t)>& on_progress)
      : total_bytes_(total_bytes), on_progress_(on_progress) {}

  void Fault(const std::string& file, std::string text) {
    size_t& count = faults_of_[file];
    if (++count < kMaxFaultsPerFile) report.faults.push_back({file, std::move(text)});
    if (count == kMaxFaultsPerFile) report.faults.push_back({file, "and more of this kind"});
  }
  void Note(const std::string& file, std::string text) {
    report.notes.push_back({file, std::move(text)});
  }
  void Read(uint64_t bytes) {
    report.bytes += bytes;
    on_progress_(report.bytes, total_bytes_);
  }

  VerifyReport report;

 private:
  const uint64_t total_bytes_;
  const std::function<void(uint64_t, uint64_t)>& on_progress_;
  std::map<std::string, size_t> faults_of_;
};

// A block's directory, the logs of a data directory, and the head's chunks.
void VerifyBlock(const std::string& directory, VerifySink& sink);
void VerifyLogs(const std::string& path, VerifySink& sink);
void VerifyHeadChunks(const std::string& directory, VerifySink& sink);

}  // namespace slurmscope::tsdb
