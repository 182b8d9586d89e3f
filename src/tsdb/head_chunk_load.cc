// The start of HeadChunkFiles: reading what is there, and moving away what is damaged.
#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "tsdb/head_chunk_files.h"

namespace slurmscope::tsdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

namespace {
// What was read of a file must not count as memory until somebody asks for it again.
constexpr uint64_t kDropPagesEvery = 8 << 20;
}  // namespace

Result<std::unique_ptr<HeadChunkFiles>> HeadChunkFiles::Open(
    HeadChunkFilesOptions options, const std::atomic<bool>& stop,
    const std::function<void(const Stored&)>& on_chunk, HeadChunkFilesReport* report) {
  std::unique_ptr<HeadChunkFiles> files(new HeadChunkFiles(std::move(options)));
  if (TRY(base::FileExists(files->options_.directory))) {
    TRY(files->Load(stop, on_chunk, report));
  }
  return files;
}

Result<void> HeadChunkFiles::Load(const std::atomic<bool>& stop,
                                  const std::function<void(const Stored&)>& on_chunk,
                                  HeadChunkFilesReport* report) {
  std::vector<uint64_t> numbers;
  for (const std::string& name : TRY(base::ListDirectory(options_.directory))) {
    if (auto number = ParseHeadChunkFileName(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (size_t i = 0; i < numbers.size(); ++i) {
    Damage damage;
    if (i > 0 && numbers[i] != numbers[i - 1] + 1) damage.problem = "a file before it is missing";
    if (damage.problem.empty()) {
      damage = TRY(LoadFile(numbers[i], stop, on_chunk, report));
    }
    if (damage.problem.empty()) continue;
    damage.torn = damage.torn && i + 1 == numbers.size();
    TRY(Repair({numbers.begin() + static_cast<std::ptrdiff_t>(i), numbers.end()}, damage, report));
    break;
  }
  loaded_last_ = !files_.empty();
  if (loaded_last_) next_number_ = files_.back().number + 1;
  for (const ChunkFile& file : files_) total_ += file.bytes;
  return {};
}

// Adds the file to files_ unless it has no header. What is wrong with it is in the result, with how
// much of it is good; an empty problem when nothing is.
Result<HeadChunkFiles::Damage> HeadChunkFiles::LoadFile(
    uint64_t number, const std::atomic<bool>& stop,
    const std::function<void(const Stored&)>& on_chunk, HeadChunkFilesReport* report) {
  std::string path = PathOf(number);
  uint64_t size = base::StampOf(path).size;
  ChunkFile file;
  file.number = number;
  file.bytes = kHeadChunkFileHeaderBytes;
  auto map = MappedFile::Open(path, std::max(size, options_.file_bytes) + kMaxHeadChunkBytes);
  if (!map) return Damage{0, false, map.error().message()};
  file.map = std::move(*map);
  std::string_view bytes = file.map.view().substr(0, size);
  bool begun = size < kHeadChunkFileHeaderBytes || bytes.find_first_not_of('\0') == bytes.npos;
  if (!IsHeadChunkFile(bytes)) return Damage{0, begun, "not a file of head chunks"};
  Damage damage;
  while (!stop.load(std::memory_order_relaxed)) {
    Stored stored;
    size_t length = 0;
    auto read = ReadHeadChunk(bytes.substr(file.bytes), &stored.chunk, &length);
    if (read != HeadChunkRead::kChunk) {
      bool torn = read == HeadChunkRead::kTorn;
      damage = {file.bytes, torn, std::string(ProblemOf(read))};
      file.map.DropPages();
      files_.push_back(std::move(file));
      return damage;
    }
    stored.ref = (number << 32) | file.bytes;
    stored.bytes = bytes.data() + file.bytes;
    file.bytes += length;
    file.maxt = std::max(file.maxt, stored.chunk.maxt);
    ++report->chunks;
    on_chunk(stored);
    if (file.bytes % kDropPagesEvery < length) file.map.DropPages();
  }
  return Fail(ErrorCode::kCanceled, "stopped while the head's chunk files were read");
}

// A file that was just begun, or the end of the newest one, may be torn by a crash. Anything else
// is damage.
Result<void> HeadChunkFiles::Repair(const std::vector<uint64_t>& bad, const Damage& damage,
                                    HeadChunkFilesReport* report) {
  for (uint64_t number : bad) report->dropped_bytes += base::StampOf(PathOf(number)).size;
  report->dropped_bytes -= std::min(report->dropped_bytes, damage.good_bytes);
  std::string path = PathOf(bad.front());
  if (!damage.torn) {
    report->damage = StrCat(path, " at offset ", damage.good_bytes, ": ", damage.problem);
  }
  if (options_.on_damage == DamageAction::kLeave) return {};
  if (!damage.torn) {
    base::LogError("a file of head chunks is damaged; its samples are read from the log",
                   {{"damage", report->damage}, {"dropped_bytes", report->dropped_bytes}});
    return SetAside(bad, damage.good_bytes);
  }
  base::LogInfo("a file of head chunks ended inside a chunk, as after a crash",
                {{"file", path}, {"dropped_bytes", report->dropped_bytes}});
  if (damage.good_bytes > 0) return CutFile(path, damage.good_bytes);
  return base::RemoveFile(path);
}

Result<void> HeadChunkFiles::SetAside(const std::vector<uint64_t>& bad, uint64_t good_bytes) {
  std::string aside = TRY(MakeCorruptDirectory(options_.directory));
  // Newest first: whenever it stops, there is no gap.
  for (size_t i = bad.size() - 1; i > 0; --i) {
    TRY(base::RenameFile(PathOf(bad[i]), StrCat(aside, "/", HeadChunkFileName(bad[i]))));
  }
  std::string first = PathOf(bad[0]);
  std::string to = StrCat(aside, "/", HeadChunkFileName(bad[0]));
  if (good_bytes > 0) {
    TRY(SaveTail(first, good_bytes, StrCat(to, ".from-", good_bytes)));
    TRY(CutFile(first, good_bytes));
  } else {
    TRY(base::RenameFile(first, to));
  }
  TRY(base::SyncDirectory(aside));
  return base::SyncDirectory(options_.directory);
}

}  // namespace slurmscope::tsdb
