#include "tsdb/index_reader.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/strings.h"
#include "tsdb/index_format.h"

namespace slurmscope::tsdb {
namespace {

using base::ByteReader;
using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

tl::unexpected<base::Error> Corrupt(std::string message) {
  return Fail(ErrorCode::kCorruption, std::move(message));
}

uint32_t LoadU32Be(const char* from) { return ByteReader(std::string_view(from, 4)).U32Be(); }

// Times of a damaged index may be anything: no signed overflow.
int64_t Plus(int64_t base, uint64_t delta) {
  return static_cast<int64_t>(static_cast<uint64_t>(base) + delta);
}

}  // namespace

Result<std::string_view> IndexReader::Section(uint64_t offset, std::string_view what) const {
  if (offset > bytes_.size()) return Corrupt(StrCat(what, " outside of the file"));
  ByteReader reader(bytes_.substr(offset));
  uint32_t length = reader.U32Be();
  std::string_view content = reader.Bytes(length);
  uint32_t crc = reader.U32Be();
  if (!reader.ok()) return Corrupt(StrCat(what, " runs past the end of the file"));
  if (crc != base::Crc32c(content)) return Corrupt(StrCat(what, " does not match its checksum"));
  return content;
}

Result<IndexReader> IndexReader::Parse(std::string_view bytes) {
  ByteReader header(bytes);
  uint32_t magic = header.U32Be();
  uint8_t version = header.U8();
  if (!header.ok() || magic != kIndexMagic) return Corrupt("not an index");
  if (version != kIndexVersion) {
    return Corrupt(StrCat("index of version ", uint32_t{version}, " is not supported"));
  }
  if (bytes.size() < kIndexHeaderBytes + kTocBytes) return Corrupt("index ends early");
  std::string_view toc = bytes.substr(bytes.size() - kTocBytes);
  if (LoadU32Be(toc.data() + kTocBytes - 4) != base::Crc32c(toc.substr(0, kTocBytes - 4))) {
    return Corrupt("table of contents does not match its checksum");
  }
  ByteReader offsets(toc);
  uint64_t symbols = offsets.U64Be();
  IndexReader reader(bytes.substr(0, bytes.size() - kTocBytes));
  reader.series_start_ = offsets.U64Be();
  offsets.Bytes(3 * 8);  // label indices, postings, table of label indices
  TRY(reader.ReadSymbols(symbols));
  TRY(reader.ReadOffsetTable(offsets.U64Be()));
  return reader;
}

Result<void> IndexReader::ReadSymbols(uint64_t offset) {
  symbol_bytes_ = TRY(Section(offset, "symbol table"));
  symbol_hash_ = base::Hash64(symbol_bytes_);
  ByteReader reader(symbol_bytes_);
  uint32_t count = reader.U32Be();
  if (!reader.ok() || count > reader.remaining()) return Corrupt("symbol table ends early");
  symbols_.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    symbols_.push_back(static_cast<uint32_t>(symbol_bytes_.size() - reader.remaining()));
    reader.UvarintString();
    if (!reader.ok()) return Corrupt("symbol table ends early");
  }
  return {};
}

Result<std::string_view> IndexReader::Symbol(uint64_t number) const {
  if (number >= symbols_.size()) return Corrupt("symbol that is not there");
  return SymbolOrEmpty(number);
}

std::string_view IndexReader::SymbolOrEmpty(uint64_t number) const {
  if (number >= symbols_.size()) return {};
  return ByteReader(symbol_bytes_.substr(symbols_[number])).UvarintString();
}

Result<void> IndexReader::ReadOffsetTable(uint64_t offset) {
  table_ = TRY(Section(offset, "postings offset table"));
  ByteReader reader(table_);
  uint32_t count = reader.U32Be();
  for (uint32_t i = 0; i < count; ++i) {
    bool pair = reader.U8() == 2;
    std::string_view name = reader.UvarintString();
    auto place = static_cast<uint32_t>(table_.size() - reader.remaining());
    std::string_view value = reader.UvarintString();
    reader.Uvarint();
    if (!reader.ok() || !pair) return Corrupt("postings offset table does not fit its layout");
    TRY(AddEntry(name, value, place));
  }
  return {};
}

Result<void> IndexReader::AddEntry(std::string_view name, std::string_view value, uint32_t place) {
  if (name.empty()) {
    if (all_ || !value.empty()) return Corrupt("label without a name");
    all_ = place;
    return {};
  }
  bool same = !names_.empty() && names_.back().name == name;
  bool ascends =
      names_.empty() || (same ? Value(names_.back(), names_.back().entries.size() - 1) < value
                              : names_.back().name < name);
  if (!ascends) return Corrupt("postings offset table is not sorted");
  if (!same) names_.push_back({name, {}});
  names_.back().entries.push_back(place);
  return {};
}

const IndexReader::Name* IndexReader::FindName(std::string_view name) const {
  auto it =
      std::lower_bound(names_.begin(), names_.end(), name,
                       [](const Name& entry, std::string_view text) { return entry.name < text; });
  return it == names_.end() || it->name != name ? nullptr : &*it;
}

std::string_view IndexReader::Value(const Name& name, size_t i) const {
  return ByteReader(table_.substr(name.entries[i])).UvarintString();
}

size_t IndexReader::LowerBound(const Name& name, std::string_view value) const {
  auto it = std::lower_bound(name.entries.begin(), name.entries.end(), value,
                             [&](uint32_t entry, std::string_view text) {
                               return ByteReader(table_.substr(entry)).UvarintString() < text;
                             });
  return static_cast<size_t>(it - name.entries.begin());
}

std::optional<size_t> IndexReader::FindValue(const Name& name, std::string_view value) const {
  size_t i = LowerBound(name, value);
  if (i == name.entries.size() || Value(name, i) != value) return std::nullopt;
  return i;
}

uint64_t IndexReader::ListOffset(uint32_t entry) const {
  ByteReader reader(table_.substr(entry));
  reader.UvarintString();
  return reader.Uvarint();
}

Result<void> IndexReader::ReadList(uint64_t offset, std::vector<uint32_t>* out) const {
  std::string_view content = TRY(Section(offset, "postings list"));
  if (content.size() < 4 || content.size() != 4 + size_t{4} * LoadU32Be(content.data())) {
    return Corrupt("postings list does not fit its length");
  }
  size_t first = out->size();
  size_t count = content.size() / 4 - 1;
  out->resize(first + count);
  for (size_t i = 0; i < count; ++i) {
    uint32_t id = LoadU32Be(content.data() + 4 + i * 4);
    if (i > 0 && id <= (*out)[first + i - 1]) return Corrupt("postings list is not sorted");
    (*out)[first + i] = id;
  }
  return {};
}

Result<void> IndexReader::Postings(const Name& name, size_t i, std::vector<uint32_t>* out) const {
  return ReadList(ListOffset(name.entries[i]), out);
}

Result<void> IndexReader::AllPostings(std::vector<uint32_t>* out) const {
  if (!all_) return Corrupt("no list of all series");
  return ReadList(ListOffset(*all_), out);
}

Result<IndexEntry> IndexReader::ReadEntry(uint32_t id) const {
  uint64_t offset = uint64_t{id} * kSeriesAlignment;
  if (offset < series_start_ || offset >= bytes_.size())
    return Corrupt("series outside of the file");
  ByteReader frame(bytes_.substr(offset));
  uint64_t length = frame.Uvarint();
  std::string_view body = frame.Bytes(length);
  uint32_t crc = frame.U32Be();
  if (!frame.ok()) return Corrupt("series runs past the end of the file");
  if (crc != base::Crc32c(body)) return Corrupt("series does not match its checksum");
  IndexEntry entry = Split(body);
  if (entry.chunks.empty()) return Corrupt("series ends early");
  ByteReader numbers(entry.labels);
  while (!numbers.empty()) {
    if (numbers.Uvarint() >= symbols_.size()) return Corrupt("symbol that is not there");
  }
  return entry;
}

IndexEntry IndexReader::EntryOf(uint32_t id) const {
  uint64_t offset = uint64_t{id} * kSeriesAlignment;
  if (offset >= bytes_.size()) return {};
  return Split(ByteReader(bytes_.substr(offset)).UvarintString());
}

// Empty when it does not check out: every series has a number of chunks.
IndexEntry IndexReader::Split(std::string_view body) {
  ByteReader reader(body);
  uint64_t count = reader.Uvarint();
  std::string_view labels = reader.rest();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    reader.Uvarint();
    reader.Uvarint();
  }
  if (!reader.ok()) return {};
  return {labels.substr(0, labels.size() - reader.remaining()), reader.rest()};
}

model::Labels IndexReader::MakeLabels(std::string_view labels) const {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  ByteReader numbers(labels);
  while (!numbers.empty()) {
    uint64_t name = numbers.Uvarint();
    pairs.emplace_back(SymbolOrEmpty(name), SymbolOrEmpty(numbers.Uvarint()));
  }
  return model::Labels::FromPairs(std::move(pairs));
}

int IndexReader::CompareLabels(const IndexReader& a, std::string_view a_labels,
                               const IndexReader& b, std::string_view b_labels) {
  bool same_symbols =
      a.symbol_bytes_.size() == b.symbol_bytes_.size() && a.symbol_hash_ == b.symbol_hash_;
  if (same_symbols && a_labels == b_labels) return 0;
  ByteReader left(a_labels);
  ByteReader right(b_labels);
  while (!left.empty() && !right.empty()) {
    uint64_t number = left.Uvarint();
    uint64_t other = right.Uvarint();
    if (same_symbols && number == other) continue;
    int order = a.SymbolOrEmpty(number).compare(b.SymbolOrEmpty(other));
    if (order != 0) return order;
  }
  return left.empty() ? (right.empty() ? 0 : -1) : 1;
}

Result<void> IndexReader::ReadChunks(std::string_view chunks, std::vector<ChunkMeta>* out) {
  ByteReader reader(chunks);
  uint64_t count = reader.Uvarint();
  out->clear();
  // Each takes three bytes at least.
  if (count > reader.remaining() / 3) return Corrupt("series with more chunks than bytes");
  out->reserve(count);
  ChunkMeta chunk;
  for (uint64_t i = 0; i < count; ++i) {
    int64_t last = chunk.maxt;
    chunk.mint = i == 0 ? reader.Varint() : Plus(last, reader.Uvarint());
    chunk.maxt = Plus(chunk.mint, reader.Uvarint());
    chunk.ref = i == 0 ? reader.Uvarint() : chunk.ref + static_cast<uint64_t>(reader.Varint());
    if (!reader.ok()) return Corrupt("series ends early");
    if (chunk.maxt < chunk.mint || (i > 0 && chunk.mint < last)) {
      return Corrupt("series with chunks out of order");
    }
    out->push_back(chunk);
  }
  return {};
}

Result<void> IndexReader::ReadSeries(uint32_t id, bool with_chunks, IndexedSeries* out) const {
  IndexEntry entry = TRY(ReadEntry(id));
  out->labels = MakeLabels(entry.labels);
  out->chunks.clear();
  return with_chunks ? ReadChunks(entry.chunks, &out->chunks) : Result<void>();
}

}  // namespace slurmscope::tsdb
