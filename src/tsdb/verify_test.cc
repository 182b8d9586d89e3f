#include "tsdb/verify.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/backfill.h"
#include "tsdb/block_meta.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;

VerifyReport Verify(const std::string& path) {
  auto report = VerifyData(path, [](uint64_t, uint64_t) {});
  EXPECT_TRUE(report);
  return report ? std::move(*report) : VerifyReport();
}

std::string AllFaults(const VerifyReport& report) {
  std::string text;
  for (const VerifyFinding& fault : report.faults) {
    base::StrAppend(text, fault.file, ": ", fault.text, "\n");
  }
  return text;
}

// A block of two series with 130 samples each, in `path`.
std::string MakeBlock(const std::string& path) {
  Backfill backfill(2 * 3'600'000);
  for (int i = 0; i < 2; ++i) {
    auto series = backfill.AddSeries({{"__name__", "m"}, {"i", StrCat(i)}});
    for (int64_t k = 0; k < 130; ++k)
      backfill.Append(series, k * 15'000, static_cast<double>(k % 3));
  }
  std::string ulid;
  EXPECT_TRUE(backfill.Write(path, 1, [&](const auto& block) { ulid = block.meta.ulid; }));
  return StrCat(path, "/", ulid);
}

// Without the zeros that fill the page and one byte of what was before.
std::string CutInside(const std::string& segment) {
  return segment.substr(0, segment.find_last_not_of('\0'));
}

void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(Verify, AWholeDirectoryHasNoFaults) {
  TestDirectory directory;
  MakeBlock(directory.path());
  {
    auto db = OpenDb(directory.path());
    AppendOne(*db, {{"__name__", "head"}}, 1'700'000'000'000, 1);
  }
  VerifyReport report = Verify(directory.path());
  EXPECT_EQ(AllFaults(report), "");
  EXPECT_TRUE(report.notes.empty());
  EXPECT_EQ(report.blocks, 1u);
  EXPECT_EQ(report.series, 2u);
  EXPECT_EQ(report.samples, 260u);
  EXPECT_GE(report.segments, 1u);
  EXPECT_GE(report.records, 2u);
  EXPECT_FALSE(VerifyData(directory.path() + "/none", [](uint64_t, uint64_t) {}));
}

// Every bit that the formats protect is protected: a flip is a fault of that file.
TEST(Verify, EveryFlippedByteOfAChunkFileIsFound) {
  TestDirectory directory;
  std::string path = MakeBlock(directory.path()) + "/chunks/000001";
  const std::string good = *base::ReadFile(path);
  for (size_t i = 0; i < good.size(); ++i) {
    if (i >= 5 && i < 8) continue;  // padding of the header
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    WriteBytes(path, bad);
    std::string faults = AllFaults(Verify(directory.path()));
    EXPECT_NE(faults.find("000001"), std::string::npos) << "byte " << i << ": " << faults;
  }
}

TEST(Verify, EveryFlippedByteOfAnIndexIsFoundOrPadding) {
  TestDirectory directory;
  std::string path = MakeBlock(directory.path()) + "/index";
  const std::string good = *base::ReadFile(path);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    WriteBytes(path, bad);
    std::string faults = AllFaults(Verify(directory.path()));
    if (good[i] == 0 && faults.empty()) continue;  // padding
    EXPECT_NE(faults.find("index"), std::string::npos) << "byte " << i << ": " << faults;
  }
}

TEST(Verify, CountsOfMetaAreCompared) {
  TestDirectory directory;
  std::string path = MakeBlock(directory.path()) + "/meta.json";
  const std::string good = *base::ReadFile(path);
  for (std::string member : {"numSeries", "numChunks", "numSamples"}) {
    BlockMeta meta = *ParseBlockMeta(good);
    (member == "numSeries"   ? meta.stats.series
     : member == "numChunks" ? meta.stats.chunks
                             : meta.stats.samples) += 1;
    WriteBytes(path, WriteBlockMeta(meta));
    std::string faults = AllFaults(Verify(directory.path()));
    EXPECT_NE(faults.find(member + " is "), std::string::npos) << faults;
  }
  BlockMeta meta = *ParseBlockMeta(good);
  meta.max_time -= 1;
  WriteBytes(path, WriteBlockMeta(meta));
  EXPECT_NE(AllFaults(Verify(directory.path())).find("outside of the times"), std::string::npos);
}

TEST(Verify, EveryFlippedByteOfHeadChunksIsFound) {
  TestDirectory directory;
  {
    auto db = OpenDb(directory.path());
    for (int i = 0; i < 260; ++i) {
      AppendOne(*db, {{"__name__", "m"}}, 1'700'000'000'000 + i * 15'000, i % 7);
    }
  }
  std::string path = directory.path() + "/chunks_head/000001";
  const std::string good = *base::ReadFile(path);
  VerifyReport report = Verify(directory.path());
  EXPECT_EQ(AllFaults(report), "");
  EXPECT_EQ(report.chunks, 1u);
  for (size_t i = 0; i < good.size(); ++i) {
    if (i >= 5 && i < 8) continue;  // padding of the header
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    WriteBytes(path, bad);
    report = Verify(directory.path());
    bool found = report.faults.size() == 1 && report.faults[0].file == path;
    // A longer length reads as a chunk that is being written.
    found = found || (report.notes.size() == 1 && report.notes[0].file == path);
    EXPECT_TRUE(found) << "byte " << i;
  }
  WriteBytes(path, good.substr(0, good.size() - 1));
  report = Verify(directory.path());
  EXPECT_EQ(AllFaults(report), "");
  EXPECT_EQ(report.notes.size(), 1u);
  // Behind it another file, it is none that is being written; and none may be missing.
  WriteBytes(directory.path() + "/chunks_head/000002", good);
  EXPECT_NE(AllFaults(Verify(directory.path())).find("past the end"), std::string::npos);
  std::filesystem::rename(directory.path() + "/chunks_head/000002",
                          directory.path() + "/chunks_head/000003");
  EXPECT_NE(AllFaults(Verify(directory.path())).find("missing"), std::string::npos);
}

TEST(Verify, DamageInTheLogIsAFaultAndATornEndIsNot) {
  TestDirectory directory;
  for (int start = 0; start < 2; ++start) {
    auto db = OpenDb(directory.path());
    for (int i = 0; i < 50; ++i) {
      AppendOne(*db, {{"__name__", "m"}}, 1'700'000'000'000 + (start * 50 + i) * 1000, i);
    }
  }
  std::string first = directory.wal() + "/00000000";
  std::string last = directory.wal() + "/00000001";
  const std::string good = *base::ReadFile(first);
  std::string bad = good;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 4);
  WriteBytes(first, bad);
  EXPECT_NE(AllFaults(Verify(directory.path())).find(first), std::string::npos);
  WriteBytes(first, CutInside(good));
  EXPECT_NE(AllFaults(Verify(directory.path())).find("segments follow"), std::string::npos);
  WriteBytes(first, good);

  WriteBytes(last, CutInside(*base::ReadFile(last)));
  VerifyReport report = Verify(directory.path());
  EXPECT_EQ(AllFaults(report), "");
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_EQ(report.notes[0].file, last);
}

}  // namespace
}  // namespace slurmscope::tsdb
