#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/block.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/series.h"
#include "tsdb/verify_sink.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using base::StrCat;
using Ids = std::vector<uint32_t>;

// One block, from its index down to each sample.
class BlockVerifier {
 public:
  BlockVerifier(const std::string& directory, const Block& block, VerifySink& sink)
      : directory_(directory), block_(block), index_(block.index()), sink_(sink) {
    for (const IndexReader::Name& name : index_.names()) {
      expected_.emplace_back(name.entries.size());
    }
  }

  void Run() {
    VerifySymbols();
    Ids ids;
    auto all = index_.AllPostings(&ids);
    if (!all) {
      sink_.Fault(IndexPath(), StrCat("the list of all series: ", all.error().message()));
      return;
    }
    for (uint32_t id : ids) VerifySeries(id);
    VerifyPostings();
    VerifyTombstones(ids);
    VerifyMeta();
    sink_.report.series += found_.series;
    sink_.report.chunks += found_.chunks;
    sink_.report.samples += found_.samples;
  }

 private:
  std::string IndexPath() const { return directory_ + "/index"; }
  std::string MetaPath() const { return directory_ + "/meta.json"; }
  std::string ChunkPath(uint64_t ref) const {
    std::string digits = std::to_string((ref >> 32) + 1);
    std::string zeros(digits.size() < 6 ? 6 - digits.size() : 0, '0');
    return StrCat(directory_, "/chunks/", zeros, digits);
  }

  void VerifySymbols() {
    std::optional<std::string_view> last;
    for (size_t i = 0; i < index_.symbol_count(); ++i) {
      auto symbol = index_.Symbol(i);
      if (!symbol) return sink_.Fault(IndexPath(), symbol.error().message());
      if (last && *symbol <= *last) {
        sink_.Fault(IndexPath(), StrCat("symbol ", i, ", ", base::Quote(*symbol),
                                        ", is not in its place of the order"));
      }
      last = *symbol;
    }
  }

  void VerifySeries(uint32_t id) {
    IndexedSeries series;
    auto read = index_.ReadSeries(id, true, &series);
    if (!read) {
      return sink_.Fault(IndexPath(), StrCat("series ", id, ": ", read.error().message()));
    }
    std::string name = series.labels.ToString();
    if (found_.series > 0 && !(last_labels_ < series.labels)) {
      sink_.Fault(IndexPath(),
                  StrCat("series ", id, ", ", name, ", is not in its place of the order"));
    }
    last_labels_ = series.labels;
    ++found_.series;
    for (model::Label label : series.labels) ExpectPosting(id, name, label);
    if (series.chunks.empty()) sink_.Fault(IndexPath(), name + " has no chunks");
    for (size_t i = 0; i < series.chunks.size(); ++i) {
      bool overlaps = i > 0 && series.chunks[i].mint <= series.chunks[i - 1].maxt;
      if (overlaps) {
        sink_.Fault(IndexPath(), StrCat(name, ": chunk ", i, " begins before the one before ends"));
      }
      VerifyChunk(name, i, series.chunks[i]);
    }
  }

  void ExpectPosting(uint32_t id, const std::string& series, model::Label label) {
    const IndexReader::Name* name = index_.FindName(label.name);
    auto place = name == nullptr ? std::nullopt : index_.FindValue(*name, label.value);
    if (!place) {
      return sink_.Fault(IndexPath(), StrCat(series, ": no postings of ", label.name, "=",
                                             base::Quote(label.value)));
    }
    expected_[static_cast<size_t>(name - index_.names().data())][*place].push_back(id);
  }

  void VerifyChunk(const std::string& series, size_t number, const ChunkMeta& meta) {
    auto fault = [&](std::string_view text) {
      sink_.Fault(ChunkPath(meta.ref), StrCat("at ", meta.ref & 0xFFFFFFFF, ", chunk ", number,
                                              " of ", series, ": ", text));
    };
    if (meta.mint < block_.stated_times().mint || meta.maxt >= block_.stated_times().maxt) {
      sink_.Fault(IndexPath(),
                  StrCat(series, ": chunk ", number, " is outside of the times of ", "meta.json"));
    }
    auto chunk = block_.ReadChunk(meta.ref);
    if (!chunk) return fault(chunk.error().message());
    ++found_.chunks;
    sink_.Read(chunk->data.size());
    uint64_t samples = ChunkSamples(*chunk);
    found_.samples += samples;
    if (samples == 0) return fault("it has no samples");
    columns_.Clear();
    auto decoded = DecodeChunk(*chunk, kNoTime, std::numeric_limits<int64_t>::max(), &columns_);
    if (!decoded) return fault(decoded.error().message());
    if (columns_.t.front() != meta.mint || columns_.t.back() != meta.maxt) {
      fault("its first or last time is not that of the index");
    }
  }

  void VerifyPostings() {
    const auto& names = index_.names();
    Ids ids;
    for (size_t n = 0; n < names.size(); ++n) {
      for (size_t i = 0; i < names[n].entries.size(); ++i) {
        ids.clear();
        auto read = index_.Postings(names[n], i, &ids);
        if (read && ids == expected_[n][i]) continue;
        sink_.Fault(
            IndexPath(),
            StrCat("postings of ", names[n].name, "=", base::Quote(index_.Value(names[n], i)), ": ",
                   read ? std::string("not those of the series with that label")
                        : read.error().message()));
      }
    }
  }

  void VerifyTombstones(const Ids& ids) {
    for (const auto& [id, intervals] : block_.tombstones()) {
      if (std::binary_search(ids.begin(), ids.end(), id)) continue;
      sink_.Fault(directory_ + "/tombstones",
                  StrCat("deletions of series ", id, ", which is not in the index"));
    }
  }

  void VerifyMeta() {
    const BlockStats& stats = block_.meta().stats;
    Compare("numSeries", stats.series, found_.series);
    Compare("numChunks", stats.chunks, found_.chunks);
    Compare("numSamples", stats.samples, found_.samples);
    std::string name = directory_.substr(directory_.rfind('/') + 1);
    if (block_.meta().doubtful) sink_.Fault(MetaPath(), "it does not match its checksum");
    if (block_.meta().ulid != name) {
      sink_.Fault(MetaPath(), StrCat("the ulid is ", block_.meta().ulid, ", not ", name));
    }
  }

  void Compare(std::string_view member, uint64_t said, uint64_t found) {
    if (said == found) return;
    sink_.Fault(MetaPath(), StrCat(member, " is ", said, ", the block has ", found));
  }

  const std::string& directory_;
  const Block& block_;
  const IndexReader& index_;
  VerifySink& sink_;
  std::vector<std::vector<Ids>> expected_;  // by name and value
  BlockStats found_;
  model::Labels last_labels_;
  model::Columns columns_;
};

}  // namespace

void VerifyBlock(const std::string& directory, VerifySink& sink) {
  ++sink.report.blocks;
  auto block = Block::Open(directory);
  if (block) {
    BlockVerifier(directory, **block, sink).Run();
    return;
  }
  auto there = base::FileExists(directory);
  if (there && !*there) return;  // a running server deleted it
  sink.Fault(directory, block.error().message());
}

}  // namespace slurmscope::tsdb
