#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "tsdb/head_chunk_format.h"
#include "tsdb/mapped_file.h"
#include "tsdb/set_aside.h"

namespace slurmscope::tsdb {

struct HeadChunkFilesOptions {
  std::string directory;  // made with the first file
  uint64_t file_bytes = kHeadChunkFileBytes;
  DamageAction on_damage = DamageAction::kRepair;
};
// What was found at the start.
struct HeadChunkFilesReport {
  uint64_t chunks = 0;
  uint64_t dropped_bytes = 0;  // from the first damage on, set aside
  std::string damage;          // what and where; empty when there was none
};

// The chunk files of a head, all mapped. What is in them is also in the log: a chunk whose bytes do
// not check out, and all after it, are forgone, so that those of a series have no gap. Thread-safe.
class HeadChunkFiles {
 public:
  // Where a chunk is: number of its file << 32 | offset.
  using Ref = uint64_t;
  struct Stored {
    Ref ref = 0;
    // As it is stored, mapped, and kMaxHeadChunkBytes behind it. Good until Truncate() gives the
    // mapping out.
    const char* bytes = nullptr;
    HeadChunk chunk;
  };

  // Gives each chunk that is there, in the order they were written. A torn end is cut off, what is
  // damaged and all after it is moved to `directory`/corrupt-<n>. kCanceled soon after `stop`
  // became true.
  static base::Result<std::unique_ptr<HeadChunkFiles>> Open(
      HeadChunkFilesOptions options, const std::atomic<bool>& stop,
      const std::function<void(const Stored&)>& on_chunk, HeadChunkFilesReport* report);
  // Syncs the newest file.
  ~HeadChunkFiles();

  // Writes chunks in stored form (see AppendHeadChunk), by one write(2) for each file they go to.
  // After an error `out` has those that are written, and the others may be given again. Of each
  // series, chunks must come in the order of time.
  base::Result<void> Append(const std::vector<std::string_view>& chunks, std::vector<Stored>* out);
  // The same for one.
  base::Result<Stored> Append(const HeadChunk& chunk);

  // The chunk at `ref`, its checksum compared; safe on any ref. Who calls this, or uses the data,
  // holds a pass of the Grace that mappings given out by Truncate() wait in.
  base::Result<HeadChunk> Read(Ref ref) const;

  // Deletes the oldest files, as long as all their chunks end before `mint` and they lie before
  // `keep_from`; what is written next goes to a new file. Their mappings are put into `unmapped`,
  // also after an error.
  base::Result<void> Truncate(int64_t mint, std::vector<MappedFile>* unmapped,
                              Ref keep_from = std::numeric_limits<Ref>::max());

  uint64_t bytes() const { return total_.load(std::memory_order_relaxed); }

 private:
  struct ChunkFile {
    uint64_t number = 0;
    uint64_t bytes = 0;  // that are written
    int64_t maxt = std::numeric_limits<int64_t>::min();
    MappedFile map;
  };
  struct Damage {
    uint64_t good_bytes = 0;
    bool torn = false;
    std::string problem;
  };
  explicit HeadChunkFiles(HeadChunkFilesOptions options) : options_(std::move(options)) {}
  std::string PathOf(uint64_t number) const;
  base::Result<void> Load(const std::atomic<bool>& stop,
                          const std::function<void(const Stored&)>& on_chunk,
                          HeadChunkFilesReport* report);
  base::Result<Damage> LoadFile(uint64_t number, const std::atomic<bool>& stop,
                                const std::function<void(const Stored&)>& on_chunk,
                                HeadChunkFilesReport* report);
  base::Result<void> Repair(const std::vector<uint64_t>& bad, const Damage& damage,
                            HeadChunkFilesReport* report);
  base::Result<void> SetAside(const std::vector<uint64_t>& bad, uint64_t good_bytes);
  base::Result<void> NextFile();
  base::Result<void> EndFile();
  base::Result<void> WriteAgain();
  base::Result<void> Flush(std::vector<Stored>* waiting, std::vector<Stored>* out);

  const HeadChunkFilesOptions options_;
  mutable std::mutex mutex_;  // of all below
  std::vector<ChunkFile> files_;
  uint64_t next_number_ = 1;
  base::File current_;        // the last of files_, when it is open
  std::string buffer_;        // behind what is written of it
  bool torn_ = false;         // a write failed: there may be more behind its end
  bool sync_failed_ = false;  // the kernel may have forgotten what it did not write
  bool loaded_last_ = false;  // the last of files_ is from before and not synced
  std::atomic<uint64_t> total_ = 0;
};

}  // namespace slurmscope::tsdb
