#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "tsdb/db.h"

namespace slurmscope::tsdb {

inline constexpr int64_t kMinTime = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kMaxTime = std::numeric_limits<int64_t>::max();

// A directory for one test, removed at its end.
class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tsdb_test.XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string wal() const { return path_ + "/wal"; }

 private:
  std::string path_;
};

inline std::unique_ptr<Db> OpenDb(const std::string& path, uint64_t segment_bytes = 128 << 20) {
  DbOptions options;
  options.path = path;
  options.wal_segment_bytes = segment_bytes;
  auto db = Db::Open(options);
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

inline model::AppendStatus AppendOne(Db& db, const model::Labels& labels, int64_t t, double v) {
  auto appender = db.NewAppender();
  auto status = appender->Append(0, labels, t, v).status;
  EXPECT_TRUE(appender->Commit());
  return status;
}

// Every series with its samples as bits, by the labels' text.
using Dump = std::map<std::string, std::vector<std::pair<int64_t, uint64_t>>>;

inline Dump DumpDb(model::Queryable& db, const std::vector<model::Matcher>& matchers = {},
                   int64_t mint = kMinTime, int64_t maxt = kMaxTime) {
  Dump dump;
  auto querier = *db.NewQuerier(mint, maxt);
  model::SelectHints hints;
  hints.start = mint;
  hints.end = maxt;
  auto set = *querier->Select(true, hints, matchers);
  for (size_t i = 0; i < set->size(); ++i) {
    model::Columns columns;
    EXPECT_TRUE(set->Decode(i, mint, maxt, &columns));
    auto& samples = dump[set->LabelsAt(i).ToString()];
    for (size_t k = 0; k < columns.size(); ++k) {
      samples.emplace_back(columns.t[k], std::bit_cast<uint64_t>(columns.v[k]));
    }
  }
  return dump;
}

}  // namespace slurmscope::tsdb
