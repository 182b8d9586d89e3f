#include "tsdb/index_writer.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"
#include "base/strings.h"
#include "tsdb/index_format.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

uint64_t Distance(int64_t from, int64_t to) {
  return static_cast<uint64_t>(to) - static_cast<uint64_t>(from);
}

}  // namespace

IndexWriter::IndexWriter(OutputFile file, std::vector<std::string> symbols)
    : file_(std::move(file)), symbols_(std::move(symbols)) {
  symbol_numbers_.reserve(symbols_.size());
  for (uint32_t i = 0; i < symbols_.size(); ++i) symbol_numbers_.emplace(symbols_[i], i);
}

Result<IndexWriter> IndexWriter::Create(const std::string& path, std::vector<std::string> symbols) {
  IndexWriter writer(TRY(OutputFile::Create(path)), std::move(symbols));
  std::string header;
  base::PutU32Be(header, kIndexMagic);
  header += static_cast<char>(kIndexVersion);
  TRY(writer.file_.Write(header));
  TRY(writer.WriteSymbols());
  return writer;
}

// Length, content, checksum of the content.
Result<void> IndexWriter::WriteSection(const std::string& content) {
  if (content.size() > std::numeric_limits<uint32_t>::max()) {
    return Fail(ErrorCode::kOutOfRange, "index section of over 4 GiB");
  }
  std::string frame;
  base::PutU32Be(frame, static_cast<uint32_t>(content.size()));
  TRY(file_.Write(frame));
  TRY(file_.Write(content));
  frame.clear();
  base::PutU32Be(frame, base::Crc32c(content));
  return file_.Write(frame);
}

Result<void> IndexWriter::WriteSymbols() {
  std::string content;
  base::PutU32Be(content, static_cast<uint32_t>(symbols_.size()));
  for (const std::string& symbol : symbols_) base::PutUvarintString(content, symbol);
  TRY(WriteSection(content));
  series_start_ = file_.position();
  return {};
}

Result<uint32_t> IndexWriter::SymbolNumber(std::string_view text) const {
  auto it = symbol_numbers_.find(text);
  if (it == symbol_numbers_.end()) {
    return Fail(ErrorCode::kInternal, base::StrCat(base::Quote(text), " is not among the symbols"));
  }
  return it->second;
}

Result<void> IndexWriter::AddSeries(const model::Labels& labels,
                                    const std::vector<ChunkMeta>& chunks) {
  if (!all_.empty() && !(last_ < labels)) {
    return Fail(ErrorCode::kInternal, "series out of order: " + labels.ToString());
  }
  last_ = labels;
  TRY(file_.Align(kSeriesAlignment));
  uint64_t number = file_.position() / kSeriesAlignment;
  if (number > std::numeric_limits<uint32_t>::max()) {
    return Fail(ErrorCode::kOutOfRange, "index of over 64 GiB");
  }
  auto id = static_cast<uint32_t>(number);
  all_.push_back(id);
  std::string body;
  base::PutUvarint(body, labels.size());
  for (model::Label label : labels) {
    uint32_t name = TRY(SymbolNumber(label.name));
    uint32_t value = TRY(SymbolNumber(label.value));
    base::PutUvarint(body, name);
    base::PutUvarint(body, value);
    postings_[(uint64_t{name} << 32) | value].push_back(id);
  }
  base::PutUvarint(body, chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    const ChunkMeta& chunk = chunks[i];
    if (i == 0)
      base::PutVarint(body, chunk.mint);
    else
      base::PutUvarint(body, Distance(chunks[i - 1].maxt, chunk.mint));
    base::PutUvarint(body, Distance(chunk.mint, chunk.maxt));
    if (i == 0)
      base::PutUvarint(body, chunk.ref);
    else
      base::PutVarint(body, static_cast<int64_t>(chunk.ref - chunks[i - 1].ref));
  }
  std::string length;
  base::PutUvarint(length, body.size());
  base::PutU32Be(body, base::Crc32c(body));
  TRY(file_.Write(length));
  return file_.Write(body);
}

Result<uint64_t> IndexWriter::WriteList(const std::vector<uint32_t>& ids) {
  TRY(file_.Align(4));
  uint64_t offset = file_.position();
  std::string content;
  content.reserve(ids.size() * 4 + 4);
  base::PutU32Be(content, static_cast<uint32_t>(ids.size()));
  for (uint32_t id : ids) base::PutU32Be(content, id);
  TRY(WriteSection(content));
  return offset;
}

Result<void> IndexWriter::WritePostings() {
  std::vector<uint64_t> keys;
  keys.reserve(postings_.size());
  for (const auto& [key, ids] : postings_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  TRY(file_.Align(4));
  postings_start_ = file_.position();
  offsets_.push_back({"", "", TRY(WriteList(all_))});
  for (uint64_t key : keys) {
    uint64_t offset = TRY(WriteList(postings_[key]));
    offsets_.push_back({symbols_[key >> 32], symbols_[key & 0xFFFFFFFF], offset});
  }
  return {};
}

Result<void> IndexWriter::WriteOffsetTable() {
  table_start_ = file_.position();
  std::string content;
  base::PutU32Be(content, static_cast<uint32_t>(offsets_.size()));
  for (const OffsetEntry& entry : offsets_) {
    content += '\2';
    base::PutUvarintString(content, entry.name);
    base::PutUvarintString(content, entry.value);
    base::PutUvarint(content, entry.offset);
  }
  return WriteSection(content);
}

Result<void> IndexWriter::Finish() {
  TRY(WritePostings());
  TRY(WriteOffsetTable());
  // The label indices, which no reader of version 2 uses, are left out.
  std::string toc;
  for (uint64_t offset : {uint64_t{kIndexHeaderBytes}, series_start_, uint64_t{0}, postings_start_,
                          uint64_t{0}, table_start_}) {
    base::PutU64Be(toc, offset);
  }
  base::PutU32Be(toc, base::Crc32c(toc));
  TRY(file_.Write(toc));
  return file_.Finish();
}

}  // namespace slurmscope::tsdb
