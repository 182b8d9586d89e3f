#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace slurmscope::tsdb {

// For what a start finds damaged: it is moved out of the way, never deleted.

enum class DamageAction { kRepair, kLeave };

// Makes the first free `directory`/corrupt-<n>.
base::Result<std::string> MakeCorruptDirectory(const std::string& directory);
// Copies `path` from the byte `from` on to `to`, 1 GiB at most.
base::Result<void> SaveTail(const std::string& path, uint64_t from, const std::string& to);
// Makes the file `size` bytes long and syncs it.
base::Result<void> CutFile(const std::string& path, uint64_t size);
std::string BaseName(const std::string& path);

}  // namespace slurmscope::tsdb
