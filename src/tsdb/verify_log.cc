#include <algorithm>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/strings.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/mapped_file.h"
#include "tsdb/replay.h"
#include "tsdb/replay_reader.h"
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
    sink_.Note(directory, StrCat(unknown_, " samples of series that the log does not name"));
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

constexpr uint32_t kHeadChunksMagic = 0x0130BC91;
constexpr size_t kHeadChunksHeader = 8;
constexpr uint8_t kEncodingBits = 0x7f;  // the top bit marks out-of-order chunks

// A chunk at `offset`; 0 when there is none, which `problem` tells if it is a fault.
uint64_t VerifyHeadChunk(std::string_view file, uint64_t offset, std::string* problem) {
  base::ByteReader reader(file.substr(offset));
  uint64_t series = reader.U64Be();
  // Files are made longer than they are, filled with zeros.
  if (!reader.ok() || series == 0) return 0;
  reader.U64Be();
  reader.U64Be();
  uint8_t encoding = reader.U8() & kEncodingBits;
  uint64_t length = reader.Uvarint();
  std::string_view data = reader.Bytes(length);
  size_t size = file.size() - offset - reader.remaining();
  uint32_t crc = reader.U32Be();
  if (!reader.ok()) {
    *problem = "a chunk runs past the end of the file";
  } else if (crc != base::Crc32c(file.substr(offset, size))) {
    *problem = "a chunk does not match its checksum";
  } else if (encoding == 0 || ChunkSamples({encoding, data}) == 0) {
    *problem = "a chunk without samples";
  }
  return problem->empty() ? size + 4 : 0;
}

void VerifyHeadChunksFile(const std::string& path, bool last, VerifySink& sink) {
  auto file = MappedFile::Open(path);
  if (!file) return sink.Fault(path, file.error().message());
  std::string_view bytes = file->view();
  sink.Read(bytes.size());
  base::ByteReader header(bytes);
  if (header.U32Be() != kHeadChunksMagic || header.U8() != 1 || bytes.size() < kHeadChunksHeader) {
    // The newest file is empty for a moment.
    if (!last || !bytes.empty()) sink.Fault(path, "not a file of head chunks");
    return;
  }
  std::string problem;
  uint64_t offset = kHeadChunksHeader;
  while (uint64_t size = VerifyHeadChunk(bytes, offset, &problem)) {
    offset += size;
    ++sink.report.chunks;
  }
  if (!problem.empty()) sink.Fault(path, StrCat("at offset ", offset, ": ", problem));
}

}  // namespace

void VerifyLog(const std::string& directory, VerifySink& sink) {
  auto files = ListLog(directory);
  if (!files) return sink.Fault(directory, files.error().message());
  LogVerifier verifier(sink);
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

void VerifyHeadChunks(const std::string& directory, VerifySink& sink) {
  auto names = base::ListDirectory(directory);
  if (!names) return sink.Fault(directory, names.error().message());
  std::erase_if(*names, [](const std::string& name) { return !base::ParseInt<uint64_t>(name); });
  for (const std::string& name : *names) {
    VerifyHeadChunksFile(StrCat(directory, "/", name), name == names->back(), sink);
  }
}

}  // namespace slurmscope::tsdb
