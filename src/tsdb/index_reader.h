#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "tsdb/index_writer.h"

namespace slurmscope::tsdb {

// What the index says of one series.
struct IndexedSeries {
  model::Labels labels;
  std::vector<ChunkMeta> chunks;
};

// A series as the index has it, nothing made of it: its checksum and the numbers of its symbols
// were compared. Views of the index.
struct IndexEntry {
  std::string_view labels;  // numbers of symbols, name and value in turn
  std::string_view chunks;
};

// The index of a block in memory, version 2. The offset table is walked once, at the start; then 4
// bytes of memory for each label pair and symbol find the rest. Safe on any bytes: kCorruption
// where something does not fit. Thread-safe.
class IndexReader {
 public:
  // Sorted values of one label name.
  struct Name {
    std::string_view name;
    std::vector<uint32_t> entries;  // where the values are in the offset table
  };

  // `bytes` must outlive the object.
  static base::Result<IndexReader> Parse(std::string_view bytes);

  const std::vector<Name>& names() const { return names_; }  // sorted, without ""
  const Name* FindName(std::string_view name) const;
  std::string_view Value(const Name& name, size_t i) const;
  std::optional<size_t> FindValue(const Name& name, std::string_view value) const;
  // The first value that is not below `value`.
  size_t LowerBound(const Name& name, std::string_view value) const;

  // Ids of the series with the i-th value, ascending, appended to `out`.
  base::Result<void> Postings(const Name& name, size_t i, std::vector<uint32_t>* out) const;
  base::Result<void> AllPostings(std::vector<uint32_t>* out) const;
  // `with_chunks` false leaves the chunks out.
  base::Result<void> ReadSeries(uint32_t id, bool with_chunks, IndexedSeries* out) const;

  // The same in pieces, for those who look at many series and need few of them.
  base::Result<IndexEntry> ReadEntry(uint32_t id) const;
  // Of a series that was read before: the checksum is not compared again. Empty when there is none.
  IndexEntry EntryOf(uint32_t id) const;
  model::Labels MakeLabels(std::string_view labels) const;
  // As Labels::Compare. Blocks that were written one after the other often have the same symbols;
  // then it is fast.
  static int CompareLabels(const IndexReader& a, std::string_view a_labels, const IndexReader& b,
                           std::string_view b_labels);
  // Replaces `out`.
  static base::Result<void> ReadChunks(std::string_view chunks, std::vector<ChunkMeta>* out);

  size_t symbol_count() const { return symbols_.size(); }
  base::Result<std::string_view> Symbol(uint64_t number) const;

 private:
  explicit IndexReader(std::string_view bytes) : bytes_(bytes) {}
  std::string_view SymbolOrEmpty(uint64_t number) const;
  static IndexEntry Split(std::string_view body);
  base::Result<std::string_view> Section(uint64_t offset, std::string_view what) const;
  base::Result<void> ReadSymbols(uint64_t offset);
  base::Result<void> ReadOffsetTable(uint64_t offset);
  base::Result<void> AddEntry(std::string_view name, std::string_view value, uint32_t place);
  base::Result<void> ReadList(uint64_t offset, std::vector<uint32_t>* out) const;
  uint64_t ListOffset(uint32_t entry) const;

  std::string_view bytes_;
  std::string_view symbol_bytes_;
  uint64_t symbol_hash_ = 0;
  std::vector<uint32_t> symbols_;  // offsets
  std::string_view table_;
  std::vector<Name> names_;
  std::optional<uint32_t> all_;
  uint64_t series_start_ = 0;
};

}  // namespace slurmscope::tsdb
