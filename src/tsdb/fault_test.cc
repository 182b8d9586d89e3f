// Every file operation of a whole life of a data directory is made to fail once, and for good.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/file_faults.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/block_meta.h"
#include "tsdb/test_support.h"
#include "tsdb/ulid.h"

namespace slurmscope::tsdb {
namespace {

using base::FileOp;
using base::StrCat;
using model::AppendStatus;
using model::Labels;
using model::Matcher;
using model::MatchType;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStep = 600'000;
constexpr int64_t kStart = 1'700'006'400'000;  // on a border of 2 h
constexpr int kSeries = 4;

bool LongRun() { return std::getenv("SLURMSCOPE_LONG_TESTS") != nullptr; }

// In memory where there is such a place: thousands of lives with their syncs.
class FastDirectory {
 public:
  FastDirectory() {
    std::string base = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : testing::TempDir();
    path_ = base + "/tsdb_fault.XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~FastDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Fault {
  uint64_t at = 0;     // the number of the operation, from 1; 0: none
  int error = EIO;     // 0: a write that is only short
  double written = 0;  // what share of a write reaches the file before
  bool from_then_on = false;
};

// Counts the operations below a directory and makes some fail.
class Faults final : public base::FileFaults {
 public:
  Faults(std::string root, Fault fault) : root_(std::move(root)), fault_(fault) {
    base::SetFileFaults(this);
  }
  ~Faults() override { base::SetFileFaults(nullptr); }

  int Before(FileOp op, const std::string& path, size_t* size) override {
    if (!path.starts_with(root_)) return 0;
    uint64_t number = count_.fetch_add(1) + 1;
    bool hit = number == fault_.at || (fault_.from_then_on && number > fault_.at);
    if (fault_.at == 0 || !hit) return 0;
    if (number == fault_.at) what_ = StrCat("op ", int{static_cast<int>(op)}, " of ", path);
    if (op == FileOp::kWrite) {
      *size = static_cast<size_t>(static_cast<double>(*size) * fault_.written);
      if (fault_.error == 0) *size = std::max<size_t>(*size, 1);
    }
    return op != FileOp::kWrite && fault_.error == 0 ? EIO : fault_.error;
  }
  uint64_t count() const { return count_; }
  const std::string& what() const { return what_; }

 private:
  const std::string root_;
  const Fault fault_;
  std::atomic<uint64_t> count_ = 0;
  std::string what_;
};

DbOptions Options(const std::string& path) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.chunk_write_interval_ms = 0;
  options.wal_sync_interval_ms = kHour;
  options.wal_segment_bytes = 64 << 10;
  options.max_block_ms = 6 * kHour;
  options.ooo_window_ms = 3 * kHour;
  return options;
}

Labels Node(int i) { return Labels{{"__name__", "load"}, {"node", StrCat("n", i)}}; }
double ValueAt(int i, int64_t t) {
  return static_cast<double>((t / kStep * 31 + i * 7) % 1009) / 8;
}

using Key = std::pair<std::string, int64_t>;

// What a data directory must hold, and what it may hold besides.
class Life {
 public:
  explicit Life(std::string path) : path_(std::move(path)) {}

  // False when the directory could not be opened even at the second try.
  bool Run() {
    if (!Open()) return false;
    Fill(7 * kHour / 2);
    Note(db_->Compact());
    Fill(2 * kHour);
    Delete(1, kHour, 3 * kHour);
    Note(db_->Compact());
    Note(db_->Sync());
    Fill(5 * kHour / 2);
    Note(db_->Compact());
    Delete(2, 0, 20 * kHour);
    Note(db_->CleanTombstones());
    CheckLive();
    db_.reset();
    if (!Open()) return false;
    Fill(kHour / 2);
    Note(db_->Compact());
    Note(db_->Snapshot(path_ + "/snapshots/s", true));
    CheckLive();
    db_.reset();
    return true;
  }
  void Close() { db_.reset(); }
  bool RunUntilSynced(int64_t span) {
    if (!Open()) return false;
    Fill(span);
    Note(db_->Compact());
    Delete(3, 0, kHour / 2);
    Fill(kHour / 2);
    Note(db_->Sync());
    return !reported_;
  }
  // Leaves deletions in the files instead of carrying them out.
  bool RunWithDeletions() {
    if (!Open()) return false;
    for (int part = 0; part < 4; ++part) {
      Fill(5 * kHour / 2);
      Note(db_->Compact());
      Delete(part % kSeries, part * kHour, (2 * part + 1) * kHour);
      if (part == 2) db_.reset();
      if (part == 2 && !Open()) return false;
    }
    Fill(kHour / 2);
    db_.reset();
    return !reported_;
  }
  bool reported() const { return reported_; }

  // Nothing that was acknowledged is missing, nothing is there that was never given.
  std::string Compare(const Dump& dump) const {
    std::map<Key, uint64_t> there;
    for (const auto& [labels, samples] : dump) {
      for (const auto& [t, bits] : samples) there[{labels, t}] = bits;
    }
    for (const auto& [key, bits] : must_) {
      auto it = there.find(key);
      if (it == there.end()) return StrCat("lost ", key.first, " at ", key.second - kStart);
      if (it->second != bits) return StrCat("changed ", key.first, " at ", key.second - kStart);
    }
    for (const auto& [key, bits] : there) {
      if (!must_.count(key) && !may_.count(key)) {
        return StrCat("came from nowhere: ", key.first, " at ", key.second - kStart);
      }
    }
    return "";
  }

 private:
  bool Open() {
    for (int tries = 0; tries < 2; ++tries) {
      auto db = Db::Open(Options(path_));
      Note(db ? base::Result<void>() : base::Fail(db.error()));
      if (!db) continue;
      db_ = std::move(*db);
      if (!db_->replay().corruption.empty() || !db_->storage_stats().unreadable.empty()) {
        reported_ = true;
      }
      return true;
    }
    return false;
  }
  void Note(const base::Result<void>& result) {
    if (result) return;
    reported_ = true;
    base::StrAppend(errors_, result.error().message(), "; ");
  }

  void Fill(int64_t span) {
    for (int64_t end = now_ + span; now_ < end; now_ += kStep) {
      auto appender = db_->NewAppender();
      std::map<Key, uint64_t> batch;
      for (int i = 0; i < kSeries; ++i) {
        double v = ValueAt(i, now_);
        if (appender->Append(0, Node(i), now_, v).status != AppendStatus::kOk) continue;
        batch[{Node(i).ToString(), now_}] = std::bit_cast<uint64_t>(v);
      }
      // And some that come out of order, also of what was deleted.
      for (int i = 0; i < 2; ++i) {
        int64_t t = now_ - (i == 0 ? 5 : 13) * kStep - 1;
        double v = ValueAt(i, t);
        if (t < kStart || appender->Append(0, Node(i), t, v).status != AppendStatus::kOk) continue;
        batch[{Node(i).ToString(), t}] = std::bit_cast<uint64_t>(v);
      }
      auto committed = appender->Commit();
      Note(committed);
      (committed ? must_ : may_).insert(batch.begin(), batch.end());
    }
  }
  void Delete(int i, int64_t from, int64_t to) {
    auto matcher = *Matcher::Make(MatchType::kEqual, "node", StrCat("n", i));
    auto deleted = db_->Delete(kStart + from, kStart + to, {matcher});
    Note(deleted);
    for (auto it = must_.begin(); it != must_.end();) {
      bool hit = it->first.first == Node(i).ToString() && it->first.second >= kStart + from &&
                 it->first.second <= kStart + to;
      if (hit && !deleted) may_.insert(*it);
      it = hit ? must_.erase(it) : std::next(it);
    }
  }
  void CheckLive() {
    // A block that could not be opened for a moment is reported and not served.
    if (!db_->storage_stats().unreadable.empty()) return;
    EXPECT_EQ(Compare(DumpDb(*db_)), "") << "while it runs; failed: " << errors_;
  }

  const std::string path_;
  std::unique_ptr<Db> db_;
  int64_t now_ = kStart;
  bool reported_ = false;
  std::string errors_;
  std::map<Key, uint64_t> must_;
  std::map<Key, uint64_t> may_;
};

uint64_t OperationsOfALife() {
  FastDirectory directory;
  Faults faults(directory.path(), {});
  Life life(directory.path() + "/d");
  EXPECT_TRUE(life.Run());
  EXPECT_FALSE(life.reported());
  return faults.count();
}

void CheckReopened(const std::string& path, const Life& life, const std::string& what) {
  auto db = Db::Open(Options(path));
  ASSERT_TRUE(db) << what << ": " << (db ? "" : db.error().message());
  EXPECT_EQ((*db)->replay().corruption, "") << what;
  EXPECT_TRUE((*db)->storage_stats().unreadable.empty()) << what;
  EXPECT_EQ(life.Compare(DumpDb(**db)), "") << what << ", opened again";
  auto compacted = (*db)->Compact();
  EXPECT_TRUE(compacted) << what << ": " << (compacted ? "" : compacted.error().message());
  EXPECT_EQ(life.Compare(DumpDb(**db)), "") << what << ", compacted after that";
}

// Runs lives in which the k-th operation fails, for some k or, in a long run, all.
void FailEach(Fault fault, uint64_t stride) {
  uint64_t operations = OperationsOfALife();
  ASSERT_GT(operations, 300u);
  if (LongRun()) stride = 1;
  uint64_t lives = 0;
  for (fault.at = 1 + static_cast<uint64_t>(fault.error) % stride; fault.at <= operations;
       fault.at += stride) {
    FastDirectory directory;
    std::string path = directory.path() + "/d";
    Life life(path);
    std::string what;
    {
      Faults faults(directory.path(), fault);
      EXPECT_TRUE(life.Run() || fault.from_then_on);
      life.Close();
      what = StrCat("fault ", fault.error, " at ", fault.at, " (", faults.what(), ")");
    }
    CheckReopened(path, life, what);
    ++lives;
    if (testing::Test::HasFailure()) break;
  }
  testing::Test::RecordProperty("operations", std::to_string(operations));
  testing::Test::RecordProperty("lives", std::to_string(lives));
}

class FaultTest : public testing::Test {
 protected:
  // Thousands of lines of what is provoked here.
  void SetUp() override { (void)base::InitLogging(base::LogLevel::kError, "logfmt"); }
  void TearDown() override { (void)base::InitLogging(base::LogLevel::kInfo, "logfmt"); }
};

TEST_F(FaultTest, OneOperationFailsWithEio) { FailEach({.error = EIO}, 23); }
TEST_F(FaultTest, OneOperationFailsForWantOfSpace) {
  FailEach({.error = ENOSPC, .written = 0.5}, 29);
}
TEST_F(FaultTest, WritesAreTorn) { FailEach({.error = EIO, .written = 0.9}, 31); }
TEST_F(FaultTest, WritesAreShort) { FailEach({.error = 0, .written = 0.3}, 37); }
TEST_F(FaultTest, AWriteIsWholeButSaidToHaveFailed) { FailEach({.error = EIO, .written = 1}, 41); }
TEST_F(FaultTest, TheDiskDies) { FailEach({.error = EIO, .from_then_on = true}, 19); }
TEST_F(FaultTest, TheDiskDiesInsideAWrite) {
  FailEach({.error = EIO, .written = 0.6, .from_then_on = true}, 23);
}
TEST_F(FaultTest, TheDiskStaysFull) {
  FailEach({.error = ENOSPC, .written = 0.2, .from_then_on = true}, 29);
}

// A data directory with everything in it: blocks with deletions, a checkpoint, segments.
class Damage {
 public:
  explicit Damage(const std::string& path) : life_(path), path_(path) {
    EXPECT_TRUE(life_.RunWithDeletions());
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files_.push_back(entry.path().string().substr(path.size()));
    }
    std::sort(files_.begin(), files_.end());
  }

  const std::vector<std::string>& files() const { return files_; }

  // Changes a file in a copy of the directory and opens it. Empty when all is there or the damage
  // was reported; else what is wrong.
  std::string Try(const std::string& file, const std::function<void(std::string*)>& change) {
    std::string copy = path_ + ".copy";
    std::filesystem::remove_all(copy);
    std::filesystem::copy(path_, copy, std::filesystem::copy_options::recursive);
    std::string content = *base::ReadFile(copy + file);
    std::string before = content;
    change(&content);
    if (content == before) return "";
    EXPECT_TRUE(base::WriteFileAtomic(copy + file, content));
    std::string problem = Judge(copy, file);
    bool text = file.ends_with(".json");
    return problem.empty() || !text ? problem : StrCat(problem, ", now ", content);
  }

 private:
  std::string Judge(const std::string& copy, const std::string& file) {
    auto db = Db::Open(Options(copy));
    std::string name = file.substr(1);
    if (!db) {
      bool named = db.error().message().find(copy) != std::string::npos;
      return named ? "" : StrCat("an error without a place: ", db.error().message());
    }
    bool reported = !(*db)->replay().corruption.empty() || (*db)->replay().dropped_bytes > 0 ||
                    (*db)->replay().unknown_series_samples > 0;
    Dump dump;
    // What cannot be read is told once, and left out from then on.
    for (int tries = 0; tries < 3; ++tries) {
      auto read = ReadAll(**db, &dump);
      if (read) break;
      reported = true;
    }
    reported = reported || !(*db)->storage_stats().unreadable.empty();
    std::string problem = life_.Compare(dump);
    bool lost = problem.starts_with("lost");
    if (!problem.empty() && !(lost && reported)) return problem;
    auto compacted = (*db)->Compact();
    problem = life_.Compare(DumpDb(**db));
    lost = problem.starts_with("lost");
    return problem.empty() || (lost && reported) ? "" : problem + " after compaction";
  }

  static base::Result<void> ReadAll(Db& db, Dump* dump) {
    dump->clear();
    auto querier = *db.NewQuerier(kMinTime, kMaxTime);
    model::SelectHints hints;
    hints.start = kMinTime;
    hints.end = kMaxTime;
    auto set = TRY(querier->Select(true, hints, {}));
    for (size_t i = 0; i < set->size(); ++i) {
      model::Columns columns;
      TRY(set->Decode(i, kMinTime, kMaxTime, &columns));
      auto& samples = (*dump)[set->LabelsAt(i).ToString()];
      for (size_t k = 0; k < columns.size(); ++k) {
        samples.emplace_back(columns.t[k], std::bit_cast<uint64_t>(columns.v[k]));
      }
    }
    return {};
  }

  Life life_;
  const std::string path_;
  std::vector<std::string> files_;
};

TEST_F(FaultTest, FlippedBitsTornPagesAndCutFilesAreReported) {
  (void)base::InitLogging(base::LogLevel::kError, "logfmt");
  FastDirectory directory;
  Damage damage(directory.path() + "/d");
  std::mt19937 random(17);
  std::set<std::string> kinds;
  int tries = LongRun() ? 300 : 6;
  for (const std::string& file : damage.files()) {
    if (file == "/lock") continue;
    for (int i = 0; i < tries; ++i) {
      int way = i % 3;
      auto change = [&](std::string* bytes) {
        if (bytes->empty()) return;
        size_t at = random() % bytes->size();
        if (way == 0) (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << (random() % 8)));
        if (way == 1)
          std::fill_n(bytes->begin() + static_cast<std::ptrdiff_t>(at),
                      std::min<size_t>(512, bytes->size() - at), '\0');
        if (way == 2) bytes->resize(at);
      };
      std::string problem = damage.Try(file, change);
      EXPECT_EQ(problem, "") << file << (way == 0 ? ", a bit" : way == 1 ? ", zeros" : ", cut");
    }
    size_t slash = file.rfind('/');
    kinds.insert(file.find("/checkpoint.") != std::string::npos ? "checkpoint"
                 : file.starts_with("/wal/")                    ? "segment"
                 : file.starts_with("/wbl/")                    ? "late segment"
                 : file.find("/chunks/") != std::string::npos   ? "chunks"
                 : file.starts_with("/chunks_head/")            ? "head chunks"
                                                                : file.substr(slash + 1));
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"checkpoint", "segment", "late segment", "chunks",
                                          "head chunks", "index", "meta.json", "tombstones"}));
}

// Remembers how much of each file was synced, and takes the rest away.
class PowerLoss final : public base::FileFaults {
 public:
  explicit PowerLoss(std::string root) : root_(std::move(root)) { base::SetFileFaults(this); }
  ~PowerLoss() override { base::SetFileFaults(nullptr); }

  int Before(FileOp op, const std::string& path, size_t*) override {
    struct stat st {};
    std::lock_guard lock(mutex_);
    if (op == FileOp::kSync && ::stat(path.c_str(), &st) == 0) synced_[st.st_ino] = st.st_size;
    return 0;
  }
  void Strike() {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      if (!entry.is_regular_file()) continue;
      struct stat st {};
      ASSERT_EQ(::stat(entry.path().c_str(), &st), 0);
      std::filesystem::resize_file(entry.path(), static_cast<size_t>(synced_[st.st_ino]));
    }
  }

 private:
  const std::string root_;
  std::mutex mutex_;
  std::map<ino_t, off_t> synced_;
};

TEST_F(FaultTest, WhatWasSyncedSurvivesPowerLoss) {
  for (int64_t hours : {1, 4, 6, 9, 13}) {
    FastDirectory directory;
    std::string path = directory.path() + "/d";
    PowerLoss power(directory.path());
    Life life(path);
    ASSERT_TRUE(life.RunUntilSynced(hours * kHour));
    std::string copy = directory.path() + "/after";
    std::filesystem::create_directories(copy);
    // The program does not get to say goodbye: it goes on with files that are no longer there.
    power.Strike();
    std::filesystem::rename(path, copy + "/d");
    life.Close();
    CheckReopened(copy + "/d", life, StrCat("after ", hours, " h"));
  }
}

TEST_F(FaultTest, AFileCutWhileItIsMappedIsDamageAndNoCrash) {
  (void)base::InitLogging(base::LogLevel::kError, "logfmt");
  FastDirectory directory;
  std::string path = directory.path() + "/d";
  {
    Life life(path);
    ASSERT_TRUE(life.RunWithDeletions());
  }
  auto db = std::move(*Db::Open(Options(path)));
  uint64_t blocks = db->storage_stats().blocks;
  std::string first;
  auto names = *base::ListDirectory(path);
  for (const std::string& name : names) {
    if (IsUlid(name) && first.empty()) first = name;
  }
  std::filesystem::resize_file(StrCat(path, "/", first, "/chunks/000001"), 0);
  auto querier = *db->NewQuerier(kMinTime, kMaxTime);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = kMaxTime;
  auto set = *querier->Select(true, hints, {});
  model::Columns columns;
  auto read = set->Decode(0, kMinTime, kMaxTime, &columns);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find(first), std::string::npos);
  set.reset();
  querier.reset();
  // From now on it is set aside, and the rest is served.
  EXPECT_EQ(db->storage_stats().blocks, blocks - 1);
  ASSERT_EQ(db->storage_stats().unreadable.size(), 1u);
  EXPECT_EQ(db->storage_stats().unreadable[0].ulid, first);
  EXPECT_EQ(DumpDb(*db).size(), static_cast<size_t>(kSeries));
  EXPECT_TRUE(db->Compact());
  EXPECT_EQ(db->storage_stats().unreadable.size(), 1u);
}

TEST_F(FaultTest, BlocksThatComeAndGoAreSeen) {
  (void)base::InitLogging(base::LogLevel::kError, "logfmt");
  FastDirectory directory;
  Life life(directory.path() + "/d");
  ASSERT_TRUE(life.RunWithDeletions());
  auto db = std::move(*Db::Open(Options(directory.path() + "/d")));
  auto other = std::move(*Db::Open(Options(directory.path() + "/other")));
  EXPECT_EQ(DumpDb(*other).size(), 0u);
  auto names = *base::ListDirectory(directory.path() + "/d");
  std::erase_if(names, [](const std::string& name) { return !IsUlid(name); });
  std::string from = StrCat(directory.path(), "/d/", names[0]);
  std::string to = StrCat(directory.path(), "/other/", names[0]);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  std::string meta = *base::ReadFile(to + "/meta.json");
  ASSERT_TRUE(base::WriteFileAtomic(to + "/meta.json", "{"));
  ASSERT_TRUE(other->Compact());
  ASSERT_EQ(other->storage_stats().unreadable.size(), 1u);
  // Made whole, it is taken.
  ASSERT_TRUE(base::WriteFileAtomic(to + "/meta.json", meta));
  ASSERT_TRUE(other->Compact());
  EXPECT_EQ(other->storage_stats().unreadable.size(), 0u);
  EXPECT_EQ(other->storage_stats().blocks, 1u);
  EXPECT_EQ(DumpDb(*other).size(), (*ParseBlockMeta(meta)).stats.series);
  std::filesystem::remove_all(to);
  ASSERT_TRUE(other->Compact());
  EXPECT_EQ(other->storage_stats().blocks, 0u);
  EXPECT_EQ(DumpDb(*other).size(), 0u);
}

// While it stands, nothing more fits on the disk.
class FullDisk final : public base::FileFaults {
 public:
  explicit FullDisk(std::string root, int error = ENOSPC) : root_(std::move(root)), error_(error) {
    base::SetFileFaults(this);
  }
  ~FullDisk() override { base::SetFileFaults(nullptr); }
  int Before(FileOp op, const std::string& path, size_t* size) override {
    if (op != FileOp::kWrite || !path.starts_with(root_)) return 0;
    *size /= 3;
    return error_;
  }

 private:
  const std::string root_;
  const int error_;
};

TEST_F(FaultTest, AFullDiskStopsWritingAndNothingElse) {
  (void)base::InitLogging(base::LogLevel::kError, "logfmt");
  FastDirectory directory;
  DbOptions options = Options(directory.path() + "/d");
  options.wal_sync_interval_ms = 20;
  options.chunk_write_interval_ms = 20;
  auto db = std::move(*Db::Open(options));
  auto add = [&](int64_t t) {
    auto appender = db->NewAppender();
    (void)appender->Append(0, Node(1), t, 1);
    return appender->Commit();
  };
  for (int64_t t = 0; t < 5 * kHour; t += kStep) ASSERT_TRUE(add(kStart + t));
  EXPECT_EQ(db->problem(), "");
  Dump before = DumpDb(*db);
  {
    FullDisk full(options.path);
    auto refused = add(kStart + 5 * kHour);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("No space left"), std::string::npos);
    EXPECT_FALSE(db->head_stats().writable);
    EXPECT_GE(db->head_stats().write_failures, 1u);
    EXPECT_NE(db->problem().find("No space left"), std::string::npos) << db->problem();
    EXPECT_NE(db->problem().find("queries are answered"), std::string::npos);
    EXPECT_FALSE(db->Compact());
    EXPECT_EQ(db->storage_stats().blocks, 0u);
    EXPECT_EQ(DumpDb(*db), before);
    EXPECT_FALSE(add(kStart + 5 * kHour));
  }
  // Without anybody writing, it sees that there is room again.
  for (int i = 0; i < 1000 && !db->problem().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(db->problem(), "");
  EXPECT_TRUE(db->head_stats().writable);
  EXPECT_TRUE(db->Compact());
  EXPECT_EQ(db->storage_stats().blocks, 1u);
  EXPECT_EQ(DumpDb(*db), before);
  EXPECT_TRUE(add(kStart + 5 * kHour));
  db.reset();
  db = std::move(*Db::Open(options));
  EXPECT_EQ(DumpDb(*db).begin()->second.size(), before.begin()->second.size() + 1);
}

TEST_F(FaultTest, ChunksThatCannotBeWrittenStayInMemory) {
  for (int error : {ENOSPC, EIO}) {
    FastDirectory directory;
    DbOptions options = Options(directory.path() + "/d");
    options.chunk_write_interval_ms = 10;
    auto db = std::move(*Db::Open(options));
    auto fill = [&](int64_t from, int64_t to) {
      for (int64_t t = from; t < to; t += kStep) {
        for (int i = 0; i < kSeries; ++i) {
          EXPECT_EQ(AppendOne(*db, Node(i), kStart + t, ValueAt(i, t)), AppendStatus::kOk);
        }
      }
    };
    fill(0, kHour);
    Dump before;
    {
      FullDisk full(options.path + "/chunks_head", error);
      fill(kHour, 5 * kHour / 2);
      before = DumpDb(*db);
      for (int i = 0; i < 1000 && db->problem().empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      EXPECT_NE(db->problem().find("chunks_head"), std::string::npos) << db->problem();
      EXPECT_TRUE(db->head_stats().writable);
      fill(5 * kHour / 2, 3 * kHour);
      before = DumpDb(*db);
      EXPECT_EQ(before.begin()->second.size(), 18u);
    }
    for (int i = 0; i < 1000 && !db->problem().empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(db->problem(), "");
    EXPECT_GT(db->head_stats().head_chunk_bytes, 100u);
    EXPECT_TRUE(DumpDb(*db) == before);
    db.reset();
    db = std::move(*Db::Open(options));
    EXPECT_TRUE(DumpDb(*db) == before);
    EXPECT_EQ(db->replay().samples_in_chunks, 12u * kSeries);
  }
}

TEST_F(FaultTest, AHeadChunkCutWhileItIsMappedIsDamageAndNoCrash) {
  FastDirectory directory;
  DbOptions options = Options(directory.path() + "/d");
  auto db = std::move(*Db::Open(options));
  for (int64_t t = 0; t < 3 * kHour; t += kStep) {
    EXPECT_EQ(AppendOne(*db, Node(1), kStart + t, ValueAt(1, t)), AppendStatus::kOk);
  }
  ASSERT_TRUE(db->Compact());
  Dump before = DumpDb(*db);
  std::filesystem::resize_file(options.path + "/chunks_head/000001", 0);
  auto querier = *db->NewQuerier(kMinTime, kMaxTime);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = kMaxTime;
  auto set = *querier->Select(true, hints, {});
  model::Columns columns;
  auto read = set->Decode(0, kMinTime, kMaxTime, &columns);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find("chunks_head"), std::string::npos);
  // What is in memory is still served, and a start brings the rest back.
  EXPECT_TRUE(set->Decode(0, kStart + 5 * kHour / 2, kMaxTime, &columns));
  EXPECT_EQ(columns.size(), 3u);
  set.reset();
  querier.reset();
  db.reset();
  db = std::move(*Db::Open(options));
  EXPECT_TRUE(DumpDb(*db) == before);
}

}  // namespace
}  // namespace slurmscope::tsdb
