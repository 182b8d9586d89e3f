#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/head_chunk_format.h"
#include "tsdb/mapped_file.h"
#include "tsdb/replay.h"
#include "tsdb/replay_reader.h"
#include "tsdb/series.h"
#include "tsdb/verify_sink.h"
#include "tsdb/wal_reader.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using base::StrCat;

class LogVerifier {
 public:
  explicit LogVerifier(VerifySink& sink) : sink_(sink) {}

  // `last`: the segment that may be in the middle of being written.
  void Segment(const std::string& path, bool last) {
    ++sink_.report.segments;
    auto reader = SegmentReader::Open(path);
    if (!reader) return sink_.Fault(path, reader.error().message());
    while (ReadRecord(path, *reader, last)) {
    }
    sink_.Read(reader->size());
  }

  void Finish(const std::string& directory) {
    if (unknown_ == 0) return;
    sink_.Note(directory,
               StrCat(std::exchange(unknown_, 0), " samples of series that the log does not name"));
  }

 private:
  bool ReadRecord(const std::string& path, SegmentReader& reader, bool last) {
    uint64_t start = reader.good_bytes();
    std::string_view record;
    auto next = reader.Read(&record);
    if (!next) {
      sink_.Fault(path, next.error().message());
      return false;
    }
    std::string place = StrCat("after offset ", start, ": ");
    bool torn = *next == SegmentReader::Next::kTorn;
    if (torn && last) {
      sink_.Note(path, place + "ends inside a record, as after a crash or while being written");
    } else if (torn) {
      sink_.Fault(path, place + "ends inside a record, but segments follow");
    } else if (*next == SegmentReader::Next::kCorrupt) {
      sink_.Fault(path, place + reader.problem());
    }
    if (*next != SegmentReader::Next::kRecord) return false;
    ++sink_.report.records;
    return Decode(path, place, record);
  }

  bool Decode(const std::string& path, const std::string& place, std::string_view record) {
    DecodedRecord decoded;
    ReadCounts counts;
    auto known = DecodeRecord(record, &decoded, &counts);
    if (!known) {
      sink_.Fault(path, place + known.error().message());
      return false;
    }
    for (const LoggedSeries& series : decoded.series) refs_.insert(series.ref);
    for (const SampleEntry& sample : decoded.samples) unknown_ += refs_.count(sample.ref) == 0;
    return true;
  }

  VerifySink& sink_;
  std::unordered_set<uint64_t> refs_;
  uint64_t unknown_ = 0;
};

void VerifyLog(const std::string& directory, LogVerifier& verifier, VerifySink& sink) {
  auto files = ListLog(directory);
  if (!files) return sink.Fault(directory, files.error().message());
  for (const std::string& path : files->checkpoint) verifier.Segment(path, false);
  for (size_t i = 0; i < files->segments.size(); ++i) {
    const LogSegment& segment = files->segments[i];
    bool last = i + 1 == files->segments.size();
    if (i > 0 && segment.index != files->segments[i - 1].index + 1) {
      sink.Fault(segment.path, "a segment before it is missing");
    }
    verifier.Segment(segment.path, last);
  }
  verifier.Finish(directory);
}

std::string ProblemOfSamples(const HeadChunk& chunk) {
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  model::Columns columns;
  auto decoded = DecodeChunk(chunk.chunk, kNoTime, kAll, &columns);
  if (!decoded) return decoded.error().message();
  bool same = columns.t.front() == chunk.mint && columns.t.back() == chunk.maxt;
  return same ? "" : "a chunk's samples are not of the time it says";
}

void VerifyHeadChunksFile(const std::string& path, bool last, VerifySink& sink) {
  auto file = MappedFile::Open(path);
  if (!file) return sink.Fault(path, file.error().message());
  std::string_view bytes = file->view();
  sink.Read(bytes.size());
  if (!IsHeadChunkFile(bytes)) {
    // The newest file is empty for a moment.
    if (!last || !bytes.empty()) sink.Fault(path, "not a file of head chunks");
    return;
  }
  uint64_t offset = kHeadChunkFileHeaderBytes;
  HeadChunk chunk;
  size_t size = 0;
  HeadChunkRead read;
  while ((read = ReadHeadChunk(bytes.substr(offset), &chunk, &size)) == HeadChunkRead::kChunk) {
    std::string problem = ProblemOfSamples(chunk);
    if (!problem.empty()) sink.Fault(path, StrCat("at offset ", offset, ": ", problem));
    offset += size;
    ++sink.report.chunks;
  }
  std::string text = StrCat("at offset ", offset, ": ", ProblemOf(read));
  if (read == HeadChunkRead::kTorn && last) {
    sink.Note(path, text + ", as after a crash or while being written");
  } else if (read != HeadChunkRead::kEnd) {
    sink.Fault(path, text);
  }
}

}  // namespace

// The log of samples out of order has the refs of the write-ahead log.
void VerifyLogs(const std::string& path, VerifySink& sink) {
  LogVerifier verifier(sink);
  for (const char* name : {"/wal", "/wbl"}) {
    auto there = base::FileExists(path + name);
    if (there && *there) VerifyLog(path + name, verifier, sink);
  }
}

void VerifyHeadChunks(const std::string& directory, VerifySink& sink) {
  auto names = base::ListDirectory(directory);
  if (!names) return sink.Fault(directory, names.error().message());
  std::erase_if(*names, [](const std::string& name) { return !ParseHeadChunkFileName(name); });
  std::optional<uint64_t> before;
  for (const std::string& name : *names) {
    uint64_t number = *ParseHeadChunkFileName(name);
    if (before && number != *before + 1) {
      sink.Fault(StrCat(directory, "/", name), "a file before it is missing");
    }
    before = number;
    VerifyHeadChunksFile(StrCat(directory, "/", name), name == names->back(), sink);
  }
}

}  // namespace slurmscope::tsdb
