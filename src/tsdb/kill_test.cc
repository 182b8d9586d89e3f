// kill -9 at random moments of a program that appends, writes blocks, merges them and shortens its
// log: afterwards every acknowledged sample is there. SLURMSCOPE_KILL_ROUNDS says how often.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <random>

#include "base/strings.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::AppendStatus;
using model::Labels;

constexpr int64_t kStep = 60'000;
constexpr int64_t kStart = 1'700'006'400'000;  // on a border of 2 h
constexpr int kSeries = 8;
// How late samples out of order are.
constexpr int64_t kLateBy = 200 * kStep - 1;
// Series that come and go: one for each so much time.
constexpr int64_t kChurn = 40 * kStep;

DbOptions Options(const std::string& path) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.wal_segment_bytes = 64 << 10;
  options.head_chunk_file_bytes = 4 << 10;
  options.max_block_ms = int64_t{54} * 3'600'000;
  options.ooo_window_ms = 2 * kLateBy;
  return options;
}

Labels Node(int i) { return Labels{{"__name__", "load"}, {"node", StrCat("n", i)}}; }
Labels Job(int64_t t) { return Labels{{"__name__", "job"}, {"id", StrCat((t - kStart) / kChurn)}}; }
double ValueAt(int i, int64_t t) {
  return static_cast<double>((t / kStep * 31 + i * 7) % 1009) / 8;
}

Labels Late() { return Labels{{"__name__", "late"}}; }

struct Shared {
  std::atomic<int64_t> acknowledged = kStart - kStep;
  std::atomic<uint64_t> blocks_written = 0;
  std::atomic<bool> failed = false;
};

// A sample in order, and those that are due to come late: from `late` on, which is moved on. The
// first batch may have several, as of a batch that nobody was told of the late one may be missing.
bool AppendLate(model::Appender& appender, int64_t t, int64_t* late) {
  bool good = appender.Append(0, Late(), t, ValueAt(0, t)).status == AppendStatus::kOk;
  for (; good && *late <= t - kLateBy; *late += kStep) {
    good = appender.Append(0, Late(), *late, ValueAt(1, *late)).status == AppendStatus::kOk;
  }
  return good;
}

// Appends from `t` on, and what comes late from `late` on, until it is killed.
[[noreturn]] void Write(const std::string& path, int64_t t, int64_t late, Shared* shared) {
  DbOptions options = Options(path);
  options.compaction_interval_ms = 3;
  options.wal_sync_interval_ms = 20;
  options.chunk_write_interval_ms = 2;
  auto db = Db::Open(options);
  for (; db; t += kStep) {
    auto appender = (*db)->NewAppender();
    bool good = AppendLate(*appender, t, &late);
    good = good && appender->Append(0, Job(t), t, ValueAt(kSeries, t)).status == AppendStatus::kOk;
    for (int i = 0; i < kSeries; ++i) {
      good = good && appender->Append(0, Node(i), t, ValueAt(i, t)).status == AppendStatus::kOk;
    }
    if (!good || !appender->Commit()) break;
    shared->acknowledged = t;
    if (t / kStep % 64 == 0) shared->blocks_written = (*db)->storage_stats().compactions;
  }
  shared->failed = true;
  ::_exit(1);
}

// What was found after a kill.
struct Found {
  int64_t newest = kStart - kStep;
  int64_t next_late = kStart + 1;  // the first that is missing
  uint64_t in_chunks = 0;
};

// Gives the time of the first late sample that is missing.
void CheckLate(const model::Columns& columns, int64_t acknowledged, int64_t late_wanted,
               int64_t* missing) {
  int64_t next = kStart;
  int64_t next_late = kStart + 1;
  for (size_t i = 0; i < columns.size(); ++i) {
    bool late = (columns.t[i] - kStart) % kStep != 0;
    int64_t& wanted = late ? next_late : next;
    ASSERT_EQ(columns.t[i], wanted);
    ASSERT_EQ(columns.v[i], ValueAt(late ? 1 : 0, wanted));
    wanted += kStep;
  }
  EXPECT_GT(next, acknowledged);
  EXPECT_GE(next_late, late_wanted);
  *missing = next_late;
}

// Checks every sample: those in order must be there up to `acknowledged`, late ones up to before
// `late_wanted`.
Found Check(const std::string& path, int64_t acknowledged, int64_t late_wanted) {
  Found found;
  auto db = Db::Open(Options(path));
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  if (!db) return found;
  EXPECT_EQ((*db)->replay().corruption, "");
  EXPECT_EQ((*db)->replay().head_chunk_damage, "");
  found.in_chunks = (*db)->replay().samples_in_chunks;
  EXPECT_TRUE((*db)->storage_stats().unreadable.empty());
  auto querier = *(*db)->NewQuerier(kMinTime, kMaxTime);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = kMaxTime;
  auto set = *querier->Select(true, hints, {});
  size_t job_samples = 0;
  model::Columns columns;
  for (size_t k = 0; k < set->size(); ++k) {
    Labels labels = set->LabelsAt(k);
    EXPECT_TRUE(set->Decode(k, kMinTime, kMaxTime, &columns));
    if (labels == Late()) {
      CheckLate(columns, acknowledged, late_wanted, &found.next_late);
      continue;
    }
    bool job = labels.Get("__name__") == "job";
    int id = *base::ParseInt<int>(job ? labels.Get("id") : labels.Get("node").substr(1));
    int64_t t = job ? kStart + id * kChurn : kStart;
    for (size_t i = 0; i < columns.size(); ++i, t += kStep) {
      EXPECT_EQ(columns.t[i], t) << labels.ToString();
      EXPECT_EQ(columns.v[i], ValueAt(job ? kSeries : id, t)) << labels.ToString();
      if (testing::Test::HasFailure()) return found;
    }
    job_samples += job ? columns.size() : 0;
    found.newest = std::max(found.newest, t - kStep);
    // A batch is there whole, and the last one may be there though nobody was told.
    EXPECT_TRUE(job || t - kStep == acknowledged || t - kStep == acknowledged + kStep)
        << labels.ToString() << " ends at " << (t - kStart) / kStep << ", acknowledged "
        << (acknowledged - kStart) / kStep + 1;
  }
  EXPECT_EQ(job_samples, static_cast<size_t>((found.newest - kStart) / kStep + 1));
  return found;
}

TEST(Kill, NothingAcknowledgedIsLost) {
  const char* wanted = std::getenv("SLURMSCOPE_KILL_ROUNDS");
  int rounds = wanted == nullptr ? 10 : std::atoi(wanted);
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* shared = new (memory) Shared();
  std::mt19937 random(static_cast<unsigned>(rounds));
  uint64_t samples = 0;
  uint64_t blocks = 0;
  uint64_t in_chunks = 0;
  int64_t late_from = kStart + 1;
  auto directory = std::make_unique<TestDirectory>();
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    if (round % 5 == 0) {
      directory = std::make_unique<TestDirectory>();
      shared->acknowledged = kStart - kStep;
      late_from = kStart + 1;
    }
    int64_t before = shared->acknowledged;
    shared->blocks_written = 0;
    pid_t child = ::fork();
    if (child == 0) Write(directory->path(), before + kStep, late_from, shared);
    ::usleep(static_cast<useconds_t>(10'000 + random() % 400'000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ASSERT_FALSE(shared->failed) << "round " << round;
    // What was found the last time may be more than what was told.
    int64_t acknowledged = shared->acknowledged;
    int64_t late = acknowledged == before ? late_from : acknowledged - kLateBy + kStep;
    Found found = Check(directory->path(), acknowledged, late);
    ASSERT_FALSE(testing::Test::HasFailure()) << "round " << round;
    samples += static_cast<uint64_t>((found.newest - before) / kStep * (kSeries + 1));
    blocks += shared->blocks_written;
    in_chunks += found.in_chunks;
    late_from = found.next_late;
    shared->acknowledged = found.newest;
  }
  ::munmap(memory, sizeof(Shared));
  std::printf("%d kills, %lu samples, %lu blocks written or merged, %lu samples read from chunks\n",
              rounds, static_cast<unsigned long>(samples), static_cast<unsigned long>(blocks),
              static_cast<unsigned long>(in_chunks));
  EXPECT_GT(samples, 100u);
  EXPECT_TRUE(rounds < 10 || in_chunks > 100);
}

}  // namespace
}  // namespace slurmscope::tsdb
