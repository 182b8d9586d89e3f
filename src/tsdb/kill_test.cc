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

// A sample in order and one that comes late. Of a batch that nobody was told of the late one may be
// missing, so the first batch has that of the batch before too.
bool AppendLate(model::Appender& appender, int64_t t, bool first) {
  bool good = appender.Append(0, Late(), t, ValueAt(0, t)).status == AppendStatus::kOk;
  for (int64_t late : {t - kStep - kLateBy, t - kLateBy}) {
    if (late < kStart || (late < t - kLateBy && !first)) continue;
    good = good && appender.Append(0, Late(), late, ValueAt(1, late)).status == AppendStatus::kOk;
  }
  return good;
}

// Appends from `t` on until it is killed.
[[noreturn]] void Write(const std::string& path, int64_t t, Shared* shared) {
  DbOptions options = Options(path);
  options.compaction_interval_ms = 3;
  options.wal_sync_interval_ms = 20;
  options.chunk_write_interval_ms = 2;
  auto db = Db::Open(options);
  for (int64_t begin = t; db; t += kStep) {
    auto appender = (*db)->NewAppender();
    bool good = AppendLate(*appender, t, t == begin);
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

void CheckLate(const model::Columns& columns, int64_t acknowledged, int64_t late_acknowledged) {
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
  EXPECT_GT(next_late, late_acknowledged - kLateBy);
}

// Checks every sample; gives the time of the newest.
int64_t Check(const std::string& path, int64_t acknowledged, int64_t late_acknowledged,
              uint64_t* in_chunks) {
  auto db = Db::Open(Options(path));
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  if (!db) return acknowledged;
  EXPECT_EQ((*db)->replay().corruption, "");
  EXPECT_EQ((*db)->replay().head_chunk_damage, "");
  *in_chunks += (*db)->replay().samples_in_chunks;
  EXPECT_TRUE((*db)->storage_stats().unreadable.empty());
  auto querier = *(*db)->NewQuerier(kMinTime, kMaxTime);
  model::SelectHints hints;
  hints.start = kMinTime;
  hints.end = kMaxTime;
  auto set = *querier->Select(true, hints, {});
  int64_t newest = kStart - kStep;
  size_t job_samples = 0;
  model::Columns columns;
  for (size_t k = 0; k < set->size(); ++k) {
    Labels labels = set->LabelsAt(k);
    EXPECT_TRUE(set->Decode(k, kMinTime, kMaxTime, &columns));
    if (labels == Late()) {
      CheckLate(columns, acknowledged, late_acknowledged);
      continue;
    }
    bool job = labels.Get("__name__") == "job";
    int id = *base::ParseInt<int>(job ? labels.Get("id") : labels.Get("node").substr(1));
    int64_t t = job ? kStart + id * kChurn : kStart;
    for (size_t i = 0; i < columns.size(); ++i, t += kStep) {
      EXPECT_EQ(columns.t[i], t) << labels.ToString();
      EXPECT_EQ(columns.v[i], ValueAt(job ? kSeries : id, t)) << labels.ToString();
      if (testing::Test::HasFailure()) return acknowledged;
    }
    job_samples += job ? columns.size() : 0;
    newest = std::max(newest, t - kStep);
    // A batch is there whole, and the last one may be there though nobody was told.
    EXPECT_TRUE(job || t - kStep == acknowledged || t - kStep == acknowledged + kStep)
        << labels.ToString() << " ends at " << (t - kStart) / kStep << ", acknowledged "
        << (acknowledged - kStart) / kStep + 1;
  }
  EXPECT_EQ(job_samples, static_cast<size_t>((newest - kStart) / kStep + 1));
  return newest;
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
  auto directory = std::make_unique<TestDirectory>();
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    if (round % 5 == 0) {
      directory = std::make_unique<TestDirectory>();
      shared->acknowledged = kStart - kStep;
    }
    int64_t before = shared->acknowledged;
    shared->blocks_written = 0;
    pid_t child = ::fork();
    if (child == 0) Write(directory->path(), before + kStep, shared);
    ::usleep(static_cast<useconds_t>(10'000 + random() % 400'000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ASSERT_FALSE(shared->failed) << "round " << round;
    // What was found the last time may be more than what was told.
    int64_t acknowledged = shared->acknowledged;
    int64_t late = acknowledged == before ? before - kStep : acknowledged;
    int64_t newest = Check(directory->path(), acknowledged, late, &in_chunks);
    ASSERT_FALSE(testing::Test::HasFailure()) << "round " << round;
    samples += static_cast<uint64_t>((newest - before) / kStep * (kSeries + 1));
    blocks += shared->blocks_written;
    shared->acknowledged = newest;
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
