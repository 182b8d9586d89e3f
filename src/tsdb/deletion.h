#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/matcher.h"
#include "tsdb/block.h"
#include "tsdb/db.h"
#include "tsdb/head.h"
#include "tsdb/wal.h"
#include "tsdb/wbl.h"

namespace slurmscope::tsdb {

// Which samples are to go: those of [mint, maxt] of the series that satisfy all matchers.
struct Deletion {
  int64_t mint = 0;
  int64_t maxt = 0;  // inclusive
  const std::vector<model::Matcher>& matchers;
};

// Notes a deletion in the log, then in memory. No series' interval goes beyond its newest sample,
// so that later ones are not touched.
base::Result<void> DeleteFromHead(Head& head, Wal& wal, WalCompression compression,
                                  const Deletion& deletion);
// Notes a deletion in the log of samples out of order and takes the samples out of memory. One that
// comes later is not touched, whatever its time. `record_limit`: bytes of a record.
base::Result<void> DeleteOoo(Head& head, Wbl& wbl, size_t record_limit, WalCompression compression,
                             const Deletion& deletion);
// Notes a deletion in the files of a block, which lies in `directory`; false when no series is
// concerned. The block must be opened again to know it.
base::Result<bool> DeleteFromBlock(const Block& block, const std::string& directory,
                                   const Deletion& deletion);

}  // namespace slurmscope::tsdb
