#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "tsdb/output_file.h"

namespace slurmscope::tsdb {

// Where a chunk of a series is, and its first and last time.
struct ChunkMeta {
  int64_t mint = 0;
  int64_t maxt = 0;
  uint64_t ref = 0;
};

// Writes the index of a block, version 2; docs/formats/index.md. Series are streamed, postings kept
// in memory until the end. Not thread-safe.
class IndexWriter {
 public:
  // `symbols`: all label names and values, sorted, each once.
  static base::Result<IndexWriter> Create(const std::string& path,
                                          std::vector<std::string> symbols);
  // Series in the order of Labels::operator<, chunks by time without overlap.
  base::Result<void> AddSeries(const model::Labels& labels, const std::vector<ChunkMeta>& chunks);
  base::Result<void> Finish();

 private:
  struct OffsetEntry {
    std::string_view name;
    std::string_view value;
    uint64_t offset = 0;
  };
  IndexWriter(OutputFile file, std::vector<std::string> symbols);

  base::Result<void> WriteSymbols();
  base::Result<uint32_t> SymbolNumber(std::string_view text) const;
  base::Result<void> WritePostings();
  base::Result<uint64_t> WriteList(const std::vector<uint32_t>& ids);
  base::Result<void> WriteOffsetTable();
  base::Result<void> WriteSection(const std::string& content);

  OutputFile file_;
  std::vector<std::string> symbols_;
  std::unordered_map<std::string_view, uint32_t> symbol_numbers_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> postings_;  // by name << 32 | value
  std::vector<uint32_t> all_;
  std::vector<OffsetEntry> offsets_;
  model::Labels last_;
  uint64_t series_start_ = 0;
  uint64_t postings_start_ = 0;
  uint64_t table_start_ = 0;
};

}  // namespace slurmscope::tsdb
