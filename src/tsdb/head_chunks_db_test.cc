// What chunks_head does for a database: full chunks leave the memory and come back at the start.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/checkpoint.h"
#include "tsdb/head_chunk_format.h"
#include "tsdb/read_only_db.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::AppendStatus;
using model::Labels;

constexpr int64_t kStart = 1'700'006'400'000;  // on a border of 2 h
constexpr int64_t kStep = 15'000;
constexpr int64_t kHour = 3'600'000;

DbOptions Options(const std::string& path) {
  DbOptions options;
  options.path = path;
  options.compaction_interval_ms = 0;
  options.chunk_write_interval_ms = 0;
  options.head_chunk_file_bytes = 3'000;
  return options;
}
std::unique_ptr<Db> Open(const DbOptions& options) {
  auto db = Db::Open(options);
  EXPECT_TRUE(db) << (db ? "" : db.error().message());
  return db ? std::move(*db) : nullptr;
}

Labels Series(int i) { return Labels{{"__name__", "m"}, {"i", StrCat(i)}}; }

model::IntHistogram Histogram(uint64_t n) {
  model::IntHistogram h;
  h.schema = 1;
  h.sum = static_cast<double>(n);
  for (int i = 0; i < 20; ++i) {
    h.positive.push_back({i, static_cast<int64_t>(n * n) * (i + 1)});
    h.count += n * n * static_cast<uint64_t>(i + 1);
  }
  return h;
}

// Ten series of floats and one of histograms, a sample each `step`.
void Fill(Db& db, int64_t from, int64_t to, int64_t step = kStep) {
  for (int64_t t = from; t < to; t += step) {
    auto appender = db.NewAppender();
    for (int i = 0; i < 10; ++i) {
      double v = i % 2 == 0 ? i : static_cast<double>(t / step * 7919 % 1009) / 8;
      EXPECT_EQ(appender->Append(0, Series(i), t, v).status, AppendStatus::kOk);
    }
    auto n = static_cast<uint64_t>((t - kStart) / step + 1);
    EXPECT_EQ(appender->AppendHistogram(0, Series(10), t, Histogram(n)).status, AppendStatus::kOk);
    ASSERT_TRUE(appender->Commit());
  }
}

std::vector<std::string> ChunkFiles(const std::string& path) {
  auto names = base::ListDirectory(path + "/chunks_head");
  if (!names) return {};
  std::erase_if(*names, [](const std::string& name) { return !ParseHeadChunkFileName(name); });
  return *names;
}

uint64_t SamplesOf(const Dump& dump) {
  uint64_t samples = 0;
  for (const auto& [labels, points] : dump) samples += points.size();
  return samples;
}

TEST(HeadChunksDb, FullChunksAreWrittenAndComeBackWithoutTheLog) {
  TestDirectory directory;
  DbOptions options = Options(directory.path());
  Dump written;
  uint64_t chunks = 0;
  {
    auto db = Open(options);
    Fill(*db, kStart, kStart + 2 * kHour);
    written = DumpDb(*db);
    EXPECT_EQ(ChunkFiles(directory.path()).size(), 0u);
    ASSERT_TRUE(db->Compact());
    EXPECT_GT(ChunkFiles(directory.path()).size(), 1u);
    EXPECT_GT(db->head_stats().head_chunk_bytes, 1000u);
    EXPECT_TRUE(DumpDb(*db) == written);
    chunks = db->head_stats().chunks;
    EXPECT_GE(chunks, 4u * 11);
  }
  ASSERT_EQ(written.size(), 11u);
  auto db = Open(options);
  EXPECT_TRUE(DumpDb(*db) == written);
  EXPECT_EQ(db->head_stats().chunks, chunks);
  EXPECT_EQ(db->head_stats().samples_appended, 0u);
  EXPECT_EQ(db->head_stats().min_time, kStart);
  EXPECT_EQ(db->head_stats().max_time, kStart + 2 * kHour - kStep);
  EXPECT_GE(db->replay().head_chunks, 3u * 11);
  EXPECT_EQ(db->replay().head_chunk_damage, "");
  EXPECT_GT(db->replay().samples_in_chunks, SamplesOf(written) / 2);
  EXPECT_EQ(db->replay().samples + db->replay().samples_in_chunks, SamplesOf(written));
  Fill(*db, kStart + 2 * kHour, kStart + 2 * kHour + kHour / 2);
  written = DumpDb(*db);
  db.reset();
  auto reader = ReadOnlyDb::Open(directory.path(), true);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(DumpDb(**reader) == written);
}

// Whatever is done to a chunk file, the log has what it had.
TEST(HeadChunksDb, DamageCostsNothing) {
  TestDirectory directory;
  {
    auto db = Open(Options(directory.path() + "/good"));
    Fill(*db, kStart, kStart + 2 * kHour);
  }
  Dump written = DumpDb(*Open(Options(directory.path() + "/good")));
  std::string bad = directory.path() + "/bad";
  size_t reported = 0;
  uint64_t incomplete = 0;
  for (const std::string& name : ChunkFiles(directory.path() + "/good")) {
    for (int way = 0; way < 4; ++way) {
      std::filesystem::remove_all(bad);
      std::filesystem::copy(directory.path() + "/good", bad,
                            std::filesystem::copy_options::recursive);
      std::string file = StrCat(bad, "/chunks_head/", name);
      std::string bytes = *base::ReadFile(file);
      if (way == 0) bytes[bytes.size() / 2] ^= 8;
      if (way == 1) bytes.resize(bytes.size() / 2);
      if (way == 2) bytes.replace(bytes.size() / 3, 700, 700, '\0');
      ASSERT_TRUE(base::WriteFileAtomic(file, bytes));
      if (way == 3) std::filesystem::remove(file);
      {
        auto db = Open(Options(bad));
        EXPECT_TRUE(DumpDb(*db) == written) << name << ", way " << way;
        reported += db->replay().head_chunk_damage.empty() ? 0 : 1;
        incomplete += db->replay().incomplete_series;
        EXPECT_EQ(db->head_stats().head_chunk_corruptions,
                  db->replay().head_chunk_damage.empty() ? 0u : 1u);
        EXPECT_EQ(db->replay().corruption, "");
        Fill(*db, kStart + 2 * kHour, kStart + 2 * kHour + kHour / 4);
      }
      auto db = Open(Options(bad));
      EXPECT_EQ(db->replay().head_chunk_damage, "");
      EXPECT_EQ(SamplesOf(DumpDb(*db)), SamplesOf(written) + 11 * 60);
    }
  }
  EXPECT_GT(reported, 8u);
  EXPECT_GT(incomplete, 0u);
}

// With the log of an earlier time the newest samples are in chunks only.
TEST(HeadChunksDb, AppendRulesHoldBehindAMappedChunk) {
  TestDirectory directory;
  std::string wal = directory.wal();
  {
    auto db = Open(Options(directory.path()));
    Fill(*db, kStart, kStart + 2 * kStep);
    ASSERT_TRUE(db->Sync());
    std::filesystem::copy(wal, directory.path() + "/old");
    Fill(*db, kStart + 2 * kStep, kStart + 2 * kHour);
  }
  std::filesystem::remove_all(wal);
  std::filesystem::rename(directory.path() + "/old", wal);
  auto db = Open(Options(directory.path()));
  Dump dump = DumpDb(*db);
  ASSERT_EQ(dump.size(), 11u);
  auto add = [&](int i, int64_t t, double v) {
    auto appender = db->NewAppender();
    auto status = appender->Append(0, Series(i), t, v).status;
    appender->Rollback();
    return status;
  };
  auto [last, bits] = dump[Series(3).ToString()].back();
  EXPECT_EQ(add(3, last, std::bit_cast<double>(bits)), AppendStatus::kOk);
  EXPECT_EQ(add(3, last, 0.3), AppendStatus::kDuplicate);
  EXPECT_EQ(add(3, last - 1, 0.3), AppendStatus::kOutOfOrder);
  EXPECT_EQ(add(3, last + 1, 0.3), AppendStatus::kOk);
  int64_t last_histogram = dump[Series(10).ToString()].back().first;
  EXPECT_GT(last_histogram, kStart + kHour);
  auto n = static_cast<uint64_t>((last_histogram - kStart) / kStep + 1);
  auto appender = db->NewAppender();
  auto histogram = [&](int64_t t, uint64_t value) {
    return appender->AppendHistogram(0, Series(10), t, Histogram(value)).status;
  };
  EXPECT_EQ(histogram(last_histogram, n), AppendStatus::kOk);
  EXPECT_EQ(histogram(last_histogram, n + 1), AppendStatus::kDuplicate);
  appender->Rollback();
  // A stale marker goes on as a histogram.
  uint64_t histograms = db->head_stats().histograms_appended;
  EXPECT_EQ(AppendOne(*db, Series(10), last_histogram + 1, model::StaleNan()), AppendStatus::kOk);
  EXPECT_EQ(db->head_stats().histograms_appended, histograms + 1);
}

TEST(HeadChunksDb, FilesOfWhatIsInBlocksAreDeleted) {
  TestDirectory directory;
  DbOptions options = Options(directory.path());
  auto db = Open(options);
  for (int64_t t = kStart; t < kStart + 9 * kHour; t += kHour) {
    Fill(*db, t, t + kHour);
    ASSERT_TRUE(db->Compact());
  }
  Dump dump = DumpDb(*db);
  EXPECT_EQ(SamplesOf(dump), 11u * 9 * 240);
  std::vector<std::string> files = ChunkFiles(directory.path());
  EXPECT_NE(files.front(), "000001");
  uint64_t bytes = 0;
  for (const std::string& name : files) {
    bytes += base::StampOf(StrCat(directory.path(), "/chunks_head/", name)).size;
  }
  EXPECT_EQ(db->head_stats().head_chunk_bytes, bytes);
  EXPECT_EQ(db->storage_stats().blocks, 3u);
  db.reset();
  // What is in the files counts as much as blocks do.
  options.retention_bytes = LogBytes(directory.wal()) + bytes / 2;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
    bool of_block =
        entry.is_regular_file() && entry.path().string().find("/01") != std::string::npos;
    if (of_block) options.retention_bytes += entry.file_size();
  }
  db = Open(options);
  EXPECT_TRUE(DumpDb(*db) == dump);
  ASSERT_TRUE(db->Compact());
  EXPECT_EQ(db->storage_stats().size_retentions, 1u);
}

// A series that leaves the head and comes again has another ref, and the same labels.
TEST(HeadChunksDb, SeriesThatComeAgain) {
  TestDirectory directory;
  DbOptions options = Options(directory.path());
  options.wal_segment_bytes = 64 << 10;
  Labels again{{"__name__", "again"}};
  for (int start = 0; start < 3; ++start) {
    auto db = Open(options);
    int64_t begin = kStart + start * 6 * kHour;
    for (int64_t t = begin; t < begin + 6 * kHour; t += kHour / 2) {
      for (int64_t k = t; t < begin + kHour && k < t + kHour / 2; k += kStep) {
        EXPECT_EQ(AppendOne(*db, again, k, static_cast<double>(k)), AppendStatus::kOk);
      }
      Fill(*db, t, t + kHour / 2, 60'000);
      ASSERT_TRUE(db->Compact());
    }
    Dump dump = DumpDb(*db);
    EXPECT_EQ(dump[again.ToString()].size(), 240u * (start + 1));
    EXPECT_EQ(SamplesOf(dump), (start + 1) * (240u + 11 * 6 * 60));
    db.reset();
    db = Open(options);
    EXPECT_TRUE(DumpDb(*db) == dump) << start;
    EXPECT_EQ(db->replay().unknown_series_samples, 0u);
  }
}

TEST(HeadChunksDb, ReadersAndWritersGoOnWhileChunksAreWritten) {
  TestDirectory directory;
  DbOptions options = Options(directory.path());
  options.chunk_write_interval_ms = 1;
  options.compaction_interval_ms = 5;
  auto db = Open(options);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      // Each series from its first sample on, without a gap.
      for (const auto& [labels, samples] : DumpDb(*db)) {
        for (size_t i = 0; i < samples.size(); ++i) {
          ASSERT_EQ(samples[i].first, kStart + static_cast<int64_t>(i) * kStep) << labels;
        }
      }
    }
  });
  Fill(*db, kStart, kStart + 7 * kHour);
  done = true;
  reader.join();
  EXPECT_EQ(SamplesOf(DumpDb(*db)), 11u * 7 * 240);
  EXPECT_EQ(db->problem(), "");
}

TEST(HeadChunksDb, OpeningStopsWhenAsked) {
  TestDirectory directory;
  DbOptions options = Options(directory.path());
  {
    auto db = Open(options);
    Fill(*db, kStart, kStart + kHour);
  }
  std::atomic<bool> stop{true};
  options.stop_opening = &stop;
  auto db = Db::Open(options);
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code(), base::ErrorCode::kCanceled);
  stop = false;
  EXPECT_EQ(SamplesOf(DumpDb(*Open(options))), 11u * 240);
}

}  // namespace
}  // namespace slurmscope::tsdb
