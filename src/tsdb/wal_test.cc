#include "tsdb/wal.h"

#include <zstd.h>

#include <limits>
#include <random>

#include "base/bytes.h"
#include "base/file.h"
#include "base/strings.h"
#include "tsdb/replay_reader.h"
#include "tsdb/test_support.h"
#include "tsdb/wal_reader.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::Labels;

std::string RandomBytes(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

std::vector<std::string> ReadRecords(const std::string& directory) {
  std::vector<std::string> records;
  std::vector<std::string> names = *base::ListDirectory(directory);
  for (const std::string& name : names) {
    auto reader = *SegmentReader::Open(directory + "/" + name);
    std::string_view record;
    auto next = *reader.Read(&record);
    for (; next == SegmentReader::Next::kRecord; next = *reader.Read(&record)) {
      records.emplace_back(record);
    }
    EXPECT_EQ(next, SegmentReader::Next::kEnd) << name << ": " << reader.problem();
    EXPECT_LE(reader.size(), 3 * kPageBytes);
  }
  return records;
}

TEST(WalRecord, RoundTrip) {
  SamplesRecord samples;
  samples.Add(10, 1000, 1.5);
  samples.Add(3, 900, model::StaleNan());
  samples.Add(~uint64_t{0}, std::numeric_limits<int64_t>::min(), -0.0);
  std::vector<SampleEntry> out;
  ASSERT_TRUE(DecodeSamples(samples.bytes(), &out));
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[1].ref, 3u);
  EXPECT_EQ(out[1].t, 900);
  EXPECT_TRUE(model::IsStale(out[1].v));
  EXPECT_EQ(out[2].ref, ~uint64_t{0});
  EXPECT_EQ(out[2].t, std::numeric_limits<int64_t>::min());

  std::string series;
  AddSeries(series, 7, Labels{{"__name__", "a"}, {"b", "c"}});
  AddSeries(series, 8, {});
  std::vector<SeriesEntry> entries;
  ASSERT_TRUE(DecodeSeries(series, &entries));
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].ref, 7u);
  EXPECT_EQ(entries[0].labels, (Labels{{"__name__", "a"}, {"b", "c"}}));
  EXPECT_FALSE(DecodeSeries(series.substr(0, series.size() - 1), &entries));
  EXPECT_FALSE(DecodeSamples(samples.bytes().substr(0, 20), &out));
}

// By the layout: type 2, ref 5, t 1000, then delta 0, delta 0, 1.0; delta +1 (02), delta -1 (01),
// 0.
TEST(WalRecord, KnownBytes) {
  SamplesRecord record;
  record.Add(5, 1000, 1.0);
  record.Add(6, 999, 0.0);
  using namespace std::string_literals;
  EXPECT_EQ(
      record.bytes(),
      "\x02\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\x03\xe8\0\0\x3f\xf0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0\0\0"s);
}

TEST(WalRecord, GrowsByTheLongestSamplesAndStartsAnewAfterTake) {
  constexpr uint64_t kFar = uint64_t{1} << 62;
  SamplesRecord record;
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(record.empty());
    for (uint64_t i = 0; i < 300; ++i) {
      record.Add(i % 3 == 1 ? kFar : i, i % 5 == 2 ? std::numeric_limits<int64_t>::min() : 7, 0.5);
    }
    std::vector<SampleEntry> out;
    ASSERT_TRUE(DecodeSamples(record.Take(), &out));
    ASSERT_EQ(out.size(), 300u);
    for (uint64_t i = 0; i < 300; ++i) {
      EXPECT_EQ(out[i].ref, i % 3 == 1 ? kFar : i);
      EXPECT_EQ(out[i].t, i % 5 == 2 ? std::numeric_limits<int64_t>::min() : 7);
      EXPECT_EQ(out[i].v, 0.5);
    }
  }
}

TEST(WalRecord, MalformedSamplesAreFoundInTheMiddleToo) {
  SamplesRecord record;
  for (int i = 0; i < 20; ++i) record.Add(5, 1000 + i, 1.0);
  std::vector<SampleEntry> out;
  ASSERT_TRUE(DecodeSamples(record.bytes(), &out));
  ASSERT_EQ(out.size(), 20u);
  EXPECT_EQ(out[19].t, 1019);
  std::string bytes(record.bytes());
  bytes.replace(17, 10, std::string(10, '\xff'));
  EXPECT_FALSE(DecodeSamples(bytes, &out));
  bytes.replace(17, 10, std::string(9, '\xff') + "\x01");
  out.clear();
  EXPECT_TRUE(DecodeSamples(bytes.substr(0, 17 + 10 + 1 + 8), &out));
  EXPECT_EQ(out[0].ref, 5 + (uint64_t{1} << 63));
}

// Labels that are not in order, an empty one, and a length of two bytes where one would do.
TEST(WalRecord, SeriesOfOtherWritersAreTheSameSeries) {
  using namespace std::string_literals;
  std::string record;
  AddSeries(record, 1, Labels{{"__name__", "a"}, {"b", "c"}});
  record += "\0\0\0\0\0\0\0\x02\x03\x01"s + "b\x01" + "c\x08__name__\x01" + "a\x01" + "e\0"s;
  record += "\0\0\0\0\0\0\0\x03\x02\x88\0__name__\x01"s + "a\x01" + "b\x01" + "c";
  DecodedRecord out;
  ReadCounts counts;
  ASSERT_TRUE(*DecodeRecord(record, &out, &counts));
  ASSERT_EQ(out.series.size(), 3u);
  for (const LoggedSeries& entry : out.series) {
    EXPECT_EQ(entry.hash, out.series[0].hash);
    LabelViews labels = out.LabelsOf(entry);
    ASSERT_EQ(labels.size(), 2u);
    EXPECT_EQ(labels[0].value, "a");
    EXPECT_EQ(labels[1].value, "c");
  }
  EXPECT_EQ(out.series[0].hash, (Labels{{"__name__", "a"}, {"b", "c"}}).Hash());
}

TEST(WalRecord, TypesByNumber) {
  for (int type = 0; type < 256; ++type) {
    ReadCounts counts;
    DecodedRecord out;
    auto wanted = DecodeRecord(std::string(1, static_cast<char>(type)), &out, &counts);
    EXPECT_EQ(wanted.has_value(), type >= 1 && type <= 10) << type;
    if (wanted) {
      EXPECT_EQ(counts.skipped[static_cast<size_t>(type)], type == 5 ? 1u : 0u);
    }
    if (!wanted) {
      EXPECT_NE(wanted.error().message().find(StrCat("type ", type)), std::string::npos);
    }
  }
}

TEST(Wal, RecordsOfAllSizesComeBackAndNoneCrossesASegment) {
  TestDirectory directory;
  std::vector<std::string> written;
  {
    auto wal = *Wal::Open(directory.path(), 0, 3 * kPageBytes);
    unsigned seed = 0;
    for (size_t size :
         {0, 1, 6, 7, 8, 100, 32754, 32761, 32762, 32768, 40000, 65000, 90000, 1, 2}) {
      for (int k = 0; k < 3; ++k) {
        std::string record = k == 1 ? std::string(size, 'x') : RandomBytes(size, ++seed);
        ASSERT_TRUE(
            wal->Write({StoreRecord(record, WalCompression::kSnappy), StoredRecord{record, 0}}))
            << size;
        written.push_back(record);
        written.push_back(record);
      }
    }
    auto too_long = wal->Write({StoredRecord{std::string(100'000, 'x'), 0}});
    ASSERT_FALSE(too_long);
    EXPECT_EQ(too_long.error().code(), base::ErrorCode::kOutOfRange);
    ASSERT_TRUE(wal->Write({StoredRecord{"last", 0}}));
    written.push_back("last");
    ASSERT_TRUE(wal->Sync());
  }
  EXPECT_EQ(ReadRecords(directory.path()), written);
}

TEST(Wal, ReadsAndWritesZstd) {
  TestDirectory directory;
  std::string record = std::string(500'000, 'a') + RandomBytes(1000, 1);
  std::string compressed(ZSTD_compressBound(record.size()), '\0');
  compressed.resize(
      ZSTD_compress(compressed.data(), compressed.size(), record.data(), record.size(), 1));
  {
    auto wal = *Wal::Open(directory.path(), 0, 3 * kPageBytes);
    ASSERT_TRUE(wal->Write({StoredRecord{compressed, kZstdFlag}}));
    StoredRecord ours = StoreRecord(record, WalCompression::kZstd);
    EXPECT_EQ(ours.flags, kZstdFlag);
    EXPECT_LT(ours.bytes.size(), 2000u);
    ASSERT_TRUE(wal->Write({ours}));
  }
  EXPECT_EQ(ReadRecords(directory.path()), (std::vector<std::string>{record, record}));
  EXPECT_EQ(StoreRecord("x", WalCompression::kZstd).flags, 0);
  std::string buffer;
  EXPECT_FALSE(DecompressRecord(compressed.substr(0, 20), kZstdFlag, &buffer));
  EXPECT_FALSE(DecompressRecord("nonsense", kSnappyFlag, &buffer));
}

// A few hundred samples in several segments; sample i of series k has t = 1000 * i and v = i.
void Fill(const std::string& path, int rounds) {
  auto db = OpenDb(path, 2 * kPageBytes);
  for (int i = 0; i < rounds; ++i) {
    auto appender = db->NewAppender();
    for (int k = 0; k < 50; ++k) {
      Labels labels{{"__name__", "m"}, {"k", StrCat("series-", k)}};
      double v = std::bit_cast<double>((uint64_t{0x3ff} << 52) |
                                       (static_cast<uint64_t>(i * 50 + k) * 0x9E3779B97F4Au));
      appender->Append(0, labels, 1000 * i, v);
    }
    ASSERT_TRUE(appender->Commit());
  }
}

// Damages one place of the log; returns how many bytes of it lie before that place.
uint64_t Damage(const std::string& wal, std::mt19937_64& random, bool cut) {
  std::vector<std::string> names = *base::ListDirectory(wal);
  size_t which = cut ? names.size() - 1 : random() % names.size();
  uint64_t before = 0;
  for (size_t i = 0; i < which; ++i) before += std::filesystem::file_size(wal + "/" + names[i]);
  std::string path = wal + "/" + names[which];
  std::string bytes = *base::ReadFile(path);
  size_t offset = random() % bytes.size();
  if (cut) {
    bytes.resize(offset);
  } else {
    bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << (random() % 8)));
  }
  EXPECT_TRUE(base::WriteFileAtomic(path, bytes));
  return before + offset;
}

TEST(Replay, SurvivesAnyDamage) {
  TestDirectory original;
  Fill(original.path(), 300);
  Dump full;
  uint64_t total = 0;
  {
    TestDirectory copy;
    std::filesystem::copy(original.wal(), copy.wal(), std::filesystem::copy_options::recursive);
    auto db = OpenDb(copy.path());
    full = DumpDb(*db);
    total = db->head_stats().wal_bytes;
    ASSERT_EQ(db->replay().samples, 300u * 50);
    ASSERT_GT(db->replay().segments, 2u);
  }
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    TestDirectory copy;
    std::filesystem::copy(original.wal(), copy.wal(), std::filesystem::copy_options::recursive);
    std::mt19937_64 random(seed);
    bool cut = seed % 2 == 0;
    uint64_t place = Damage(copy.wal(), random, cut);
    Dump kept;
    {
      auto db = OpenDb(copy.path(), 2 * kPageBytes);
      ASSERT_TRUE(db);
      kept = DumpDb(*db);
      const ReplayReport& report = db->replay();
      if (cut) {
        EXPECT_EQ(report.corruption, "");
      }
      if (report.dropped_bytes > 0 && !cut) {
        EXPECT_NE(report.corruption, "");
        EXPECT_TRUE(std::filesystem::exists(copy.wal() + "/corrupt-1"));
        EXPECT_EQ(db->head_stats().wal_corruptions, 1u);
      }
      // Records are about 700 bytes: all that lie before the damage by more than a page are there.
      uint64_t at_least = place > kPageBytes ? (place - kPageBytes) * 15'000 / total * 9 / 10 : 0;
      EXPECT_GE(report.samples, at_least);
      for (const auto& [name, samples] : kept) {
        const auto& whole = full[name];
        ASSERT_LE(samples.size(), whole.size());
        ASSERT_TRUE(std::equal(samples.begin(), samples.end(), whole.begin())) << name;
      }
      Labels labels{{"__name__", "m"}, {"k", "series-1"}};
      EXPECT_EQ(AppendOne(*db, labels, 400'000, 1), model::AppendStatus::kOk);
      kept = DumpDb(*db);
    }
    auto again = OpenDb(copy.path(), 2 * kPageBytes);
    EXPECT_EQ(again->replay().corruption, "");
    EXPECT_EQ(again->replay().dropped_bytes, 0u);
    EXPECT_EQ(DumpDb(*again), kept);
  }
}

std::string SeriesRecord(uint64_t ref, const Labels& labels) {
  std::string record;
  AddSeries(record, ref, labels);
  return record;
}

std::string OneSample(uint64_t ref, int64_t t, double v) {
  SamplesRecord record;
  record.Add(ref, t, v);
  return record.Take();
}

void WriteSegment(const std::string& directory, uint64_t index,
                  const std::vector<std::string>& records) {
  ASSERT_TRUE(base::MakeDirectories(directory));
  auto wal = *Wal::Open(directory, index, 128 << 10);
  for (const std::string& record : records)
    ASSERT_TRUE(wal->Write({StoreRecord(record, WalCompression::kSnappy)}));
}

TEST(Replay, ASeriesWithoutSamplesIsSeenWithItsFirst) {
  TestDirectory directory;
  Labels a{{"__name__", "a"}};
  WriteSegment(directory.wal(), 0, {SeriesRecord(1, a)});
  auto db = OpenDb(directory.path());
  EXPECT_EQ(DumpDb(*db).size(), 0u);
  EXPECT_EQ(AppendOne(*db, a, 1000, 1), model::AppendStatus::kOk);
  EXPECT_EQ(DumpDb(*db).size(), 1u);
}

TEST(Replay, CheckpointThenLaterSegmentsAndSeriesNamedTwice) {
  TestDirectory directory;
  Labels a{{"__name__", "a"}};
  Labels b{{"__name__", "b"}};
  WriteSegment(directory.wal() + "/checkpoint.00000001", 0,
               {SeriesRecord(5, a), SeriesRecord(90'000'000'000, b), OneSample(5, 1000, 1)});
  WriteSegment(directory.wal() + "/checkpoint.00000009.tmp", 0, {OneSample(5, 1, 1)});
  WriteSegment(directory.wal(), 1, {OneSample(5, 500, 9)});  // covered by the checkpoint
  WriteSegment(directory.wal(), 2,
               {OneSample(5, 2000, 2), OneSample(90'000'000'000, 2000, 3), SeriesRecord(77, a),
                OneSample(77, 3000, 4), OneSample(6, 3000, 4), std::string("\x05") + "marker"});
  auto check = [&] {
    auto db = OpenDb(directory.path());
    Dump dump = DumpDb(*db);
    EXPECT_EQ(dump["a"].size(), 3u);
    EXPECT_EQ(dump["a"][0].first, 1000);
    EXPECT_GE(dump["b"].size(), 1u);
    EXPECT_EQ(db->replay().unknown_series_samples, 1u);
    EXPECT_EQ(db->replay().skipped_records[5], 1u);
    return db;
  };
  {
    auto db = check();
    EXPECT_EQ(db->head_stats().wal_segment, 3u);
    EXPECT_EQ(AppendOne(*db, Labels{{"__name__", "new"}}, 4000, 1), model::AppendStatus::kOk);
    EXPECT_EQ(AppendOne(*db, b, 4000, 1), model::AppendStatus::kOk);
  }
  auto db = check();
  Dump dump = DumpDb(*db);
  EXPECT_EQ(dump["new"].size(), 1u);
  EXPECT_EQ(dump["b"].size(), 2u);
}

TEST(Replay, ARecordOfTheFutureStopsTheStartAndIsKept) {
  TestDirectory directory;
  WriteSegment(directory.wal(), 0,
               {SeriesRecord(1, Labels{{"__name__", "a"}}), std::string("\x0b")});
  auto size = std::filesystem::file_size(directory.wal() + "/00000000");
  DbOptions options;
  options.path = directory.path();
  auto db = Db::Open(options);
  ASSERT_FALSE(db);
  EXPECT_NE(db.error().message().find("record type 11"), std::string::npos);
  EXPECT_NE(db.error().message().find("00000000"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(directory.wal() + "/00000000"), size);
}

}  // namespace
}  // namespace slurmscope::tsdb
