#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "tsdb/block_meta.h"
#include "tsdb/chunk_segment.h"
#include "tsdb/index_format.h"
#include "tsdb/index_reader.h"
#include "tsdb/tombstones.h"

using namespace slurmscope::tsdb;

namespace {

void ReadIndex(std::string_view input) {
  auto index = IndexReader::Parse(input);
  if (!index) return;
  std::vector<uint32_t> ids;
  (void)index->AllPostings(&ids);
  for (const auto& name : index->names()) {
    for (size_t i = 0; i < name.entries.size(); ++i) {
      (void)index->Value(name, i);
      (void)index->Postings(name, i, &ids);
    }
  }
  IndexedSeries series;
  for (uint32_t id : ids) (void)index->ReadSeries(id, true, &series);
  for (uint32_t id = 0; id <= input.size() / kSeriesAlignment; ++id) {
    (void)index->ReadSeries(id, true, &series);
  }
}

// Puts the right checksum behind the table of contents, which would hide the rest from the fuzzer.
std::string WithChecksum(std::string_view input) {
  std::string out(input);
  if (out.size() < kTocBytes) return out;
  out.resize(out.size() - 4);
  slurmscope::base::PutU32Be(
      out, slurmscope::base::Crc32c(std::string_view(out).substr(out.size() - kTocBytes + 4)));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  ReadIndex(input);
  ReadIndex(WithChecksum(input));
  if (auto meta = ParseBlockMeta(input)) {
    if (!ParseBlockMeta(WriteBlockMeta(*meta))) __builtin_trap();
  }
  (void)ParseTombstones(input);
  if (auto segment = ChunkSegment::Parse(input)) {
    for (uint64_t offset = 0; offset <= size; ++offset) (void)segment->Read(offset);
  }
  return 0;
}
