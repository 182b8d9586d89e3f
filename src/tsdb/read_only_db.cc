#include "tsdb/read_only_db.h"

#include <algorithm>
#include <atomic>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/merged_querier.h"
#include "tsdb/series.h"
#include "tsdb/ulid.h"

namespace slurmscope::tsdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

Result<void> ReadOnlyDb::LoadBlocks(const std::string& path) {
  for (const std::string& name : TRY(base::ListDirectory(path))) {
    if (!IsUlid(name)) continue;
    std::string directory = StrCat(path, "/", name);
    auto block = Block::Open(directory);
    if (block) {
      blocks_.push_back(std::move(*block));
      continue;
    }
    // A server that runs on the directory may have deleted the block just now.
    if (TRY(base::FileExists(directory))) unreadable_.push_back({name, block.error().message()});
  }
  std::stable_sort(blocks_.begin(), blocks_.end(), [](const BlockPtr& a, const BlockPtr& b) {
    return a->meta().min_time < b->meta().min_time;
  });
  return {};
}

Result<std::unique_ptr<ReadOnlyDb>> ReadOnlyDb::Open(const std::string& path, bool with_log) {
  if (!TRY(base::FileExists(path))) {
    return Fail(ErrorCode::kNotFound, StrCat(path, ": no such directory"));
  }
  std::unique_ptr<ReadOnlyDb> db(new ReadOnlyDb());
  TRY(db->LoadBlocks(path));
  std::string wal = path + "/wal";
  if (!with_log || !TRY(base::FileExists(wal))) return db;
  db->head_.RaiseMinValid(InOrderEnd(db->blocks_));
  std::atomic<bool> never{false};
  ReplayResult replay = TRY(Replay(path, db->head_, never, {.on_damage = DamageAction::kLeave}));
  TRY(ReplayWbl(path, db->head_, never, DamageAction::kLeave, &replay));
  db->log_ = std::move(replay.report);
  return db;
}

Result<std::unique_ptr<model::Querier>> ReadOnlyDb::NewQuerier(int64_t mint, int64_t maxt) {
  auto pass = std::make_shared<Grace::Pass>(head_.grace().Enter());
  return NewStorageQuerier(blocks_, head_, std::move(pass), mint, maxt);
}

}  // namespace slurmscope::tsdb
