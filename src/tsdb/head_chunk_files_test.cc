#include "tsdb/head_chunk_files.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/file_faults.h"
#include "base/strings.h"
#include "tsdb/full_chunks.h"
#include "tsdb/test_support.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {
namespace {

using base::FileOp;
using base::StrCat;

std::string SomeChunk(int64_t mint, int samples) {
  XorChunkBuilder builder;
  for (int i = 0; i < samples; ++i) builder.Append(mint + i * 1000, i * 0.75);
  return builder.bytes();
}

std::string Encoded(uint64_t series, int64_t mint, bool out_of_order = false) {
  std::string data = SomeChunk(mint, 50);
  std::string bytes;
  AppendHeadChunk({series, mint, mint + 49'000, out_of_order, {kXorEncoding, data}}, &bytes);
  return bytes;
}

// What a directory has: "series@mint", a star behind those out of order.
struct Opened {
  std::unique_ptr<HeadChunkFiles> files;
  std::vector<std::string> chunks;
  HeadChunkFilesReport report;
};

Opened OpenFiles(const std::string& directory, uint64_t file_bytes = 300,
                 DamageAction action = DamageAction::kRepair) {
  Opened opened;
  std::atomic<bool> never{false};
  auto files = HeadChunkFiles::Open(
      {directory, file_bytes, action}, never,
      [&](const HeadChunkFiles::Stored& stored) {
        const HeadChunk& chunk = stored.chunk;
        EXPECT_EQ(chunk.chunk.data, SomeChunk(chunk.mint, 50));
        opened.chunks.push_back(
            StrCat(chunk.series_ref, "@", chunk.mint, chunk.out_of_order ? "*" : ""));
      },
      &opened.report);
  EXPECT_TRUE(files) << (files ? "" : files.error().message());
  if (files) opened.files = std::move(*files);
  return opened;
}

std::vector<std::string> Names(const std::string& directory) {
  auto names = base::ListDirectory(directory);
  return names ? *names : std::vector<std::string>();
}

// Twelve chunks of three series in files of 300 bytes.
std::vector<std::string> WriteTwelve(const std::string& directory) {
  Opened opened = OpenFiles(directory);
  std::vector<std::string> bytes;
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) {
    bytes.push_back(Encoded(1 + i % 3, i * 50'000));
    names.push_back(StrCat(1 + i % 3, "@", i * 50'000));
  }
  std::vector<HeadChunkFiles::Stored> stored;
  EXPECT_TRUE(opened.files->Append({bytes.begin(), bytes.end()}, &stored));
  EXPECT_EQ(stored.size(), 12u);
  for (size_t i = 0; i < stored.size(); ++i) {
    EXPECT_EQ(std::string_view(stored[i].bytes, bytes[i].size()), bytes[i]);
    auto chunk = opened.files->Read(stored[i].ref);
    EXPECT_TRUE(chunk);
    if (!chunk) continue;
    EXPECT_EQ(chunk->chunk.data.data(), stored[i].chunk.chunk.data.data());
  }
  EXPECT_FALSE(opened.files->Read(stored[3].ref + 1));
  EXPECT_FALSE(opened.files->Read(uint64_t{77} << 32 | 8));
  return names;
}

TEST(HeadChunkFormat, BytesAreThoseOfTheFormat) {
  std::string bytes;
  AppendHeadChunk({0x0102, -1, 16, true, {kXorEncoding, std::string_view("\0\1x", 3)}}, &bytes);
  EXPECT_EQ(bytes.substr(0, 29), std::string("\0\0\0\0\0\0\1\2"
                                             "\377\377\377\377\377\377\377\377"
                                             "\0\0\0\0\0\0\0\20"
                                             "\201\3\0\1x",
                                             29));
  EXPECT_EQ(bytes.size(), 33u);
  EXPECT_EQ(HeadChunkFileHeader(), std::string("\x01\x30\xBC\x91\1\0\0\0", 8));
  HeadChunk chunk;
  size_t size = 0;
  ASSERT_EQ(ReadHeadChunk(bytes + "more", &chunk, &size), HeadChunkRead::kChunk);
  EXPECT_EQ(size, bytes.size());
  EXPECT_TRUE(chunk.out_of_order);
  EXPECT_EQ(chunk.mint, -1);
  for (size_t cut = 8; cut < bytes.size(); ++cut) {
    EXPECT_EQ(ReadHeadChunk(bytes.substr(0, cut), &chunk, &size), HeadChunkRead::kTorn) << cut;
  }
  EXPECT_EQ(ReadHeadChunk(std::string(100, '\0'), &chunk, &size), HeadChunkRead::kEnd);
  EXPECT_EQ(ReadHeadChunk("", &chunk, &size), HeadChunkRead::kEnd);
  EXPECT_EQ(ReadHeadChunk(std::string(40, '\0') + bytes, &chunk, &size), HeadChunkRead::kCorrupt);
}

TEST(HeadChunkFiles, WhatIsWrittenIsThereAgain) {
  TestDirectory directory;
  std::vector<std::string> written = WriteTwelve(directory.path());
  EXPECT_GT(Names(directory.path()).size(), 3u);
  Opened opened = OpenFiles(directory.path());
  EXPECT_EQ(opened.chunks, written);
  EXPECT_EQ(opened.report.damage, "");
  uint64_t on_disk = 0;
  for (const std::string& name : Names(directory.path())) {
    on_disk += base::StampOf(directory.path() + "/" + name).size;
  }
  EXPECT_EQ(opened.files->bytes(), on_disk);
  // A new start writes a new file.
  size_t files = Names(directory.path()).size();
  std::string data = SomeChunk(900'000, 50);
  auto stored = opened.files->Append(HeadChunk{9, 900'000, 949'000, true, {kXorEncoding, data}});
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->chunk.chunk.data, data);
  EXPECT_EQ(stored->ref >> 32, files + 1);
  opened.files.reset();
  written.push_back("9@900000*");
  EXPECT_EQ(OpenFiles(directory.path()).chunks, written);
}

TEST(HeadChunkFiles, ATornEndIsCutOff) {
  TestDirectory directory;
  std::vector<std::string> written = WriteTwelve(directory.path());
  std::string last = StrCat(directory.path(), "/", Names(directory.path()).back());
  std::string bytes = *base::ReadFile(last);
  std::filesystem::resize_file(last, bytes.size() - 3);
  written.pop_back();
  EXPECT_EQ(OpenFiles(directory.path(), 300, DamageAction::kLeave).chunks, written);
  EXPECT_EQ(base::StampOf(last).size, bytes.size() - 3);
  Opened opened = OpenFiles(directory.path());
  EXPECT_EQ(opened.chunks, written);
  EXPECT_EQ(opened.report.damage, "");
  EXPECT_LT(base::StampOf(last).size, bytes.size() - 3);
  opened.files.reset();
  // Nothing but a beginning, as when it dies while it makes the file.
  for (size_t size : {0, 3, 8}) {
    uint64_t number = *ParseHeadChunkFileName(Names(directory.path()).back()) + 1;
    std::string next = StrCat(directory.path(), "/", HeadChunkFileName(number));
    ASSERT_TRUE(base::WriteFileAtomic(next, HeadChunkFileHeader().substr(0, size)));
    Opened again = OpenFiles(directory.path());
    EXPECT_EQ(again.report.damage, "");
    EXPECT_EQ(again.chunks, written);
    std::filesystem::remove(next);
  }
}

TEST(HeadChunkFiles, ZerosBehindTheLastChunkAreNoDamage) {
  TestDirectory directory;
  std::vector<std::string> written = WriteTwelve(directory.path());
  std::string last = StrCat(directory.path(), "/", Names(directory.path()).back());
  uint64_t size = base::StampOf(last).size;
  std::filesystem::resize_file(last, 130'000);
  Opened opened = OpenFiles(directory.path());
  EXPECT_EQ(opened.chunks, written);
  EXPECT_EQ(opened.report.damage, "");
  // It gets its own length back before another one follows it.
  std::string bytes = Encoded(5, 2'000'000);
  std::vector<HeadChunkFiles::Stored> stored;
  ASSERT_TRUE(opened.files->Append({bytes}, &stored));
  EXPECT_EQ(base::StampOf(last).size, size);
}

TEST(HeadChunkFiles, FromDamageOnAllIsSetAside) {
  TestDirectory directory;
  std::vector<std::string> written = WriteTwelve(directory.path());
  std::vector<std::string> names = Names(directory.path());
  std::string second = StrCat(directory.path(), "/", names[1]);
  const std::string good = *base::ReadFile(second);
  std::string bad = good;
  bad[bad.size() / 2] ^= 4;
  ASSERT_TRUE(base::WriteFileAtomic(second, bad));
  Opened opened = OpenFiles(directory.path());
  EXPECT_NE(opened.report.damage.find(second), std::string::npos);
  EXPECT_NE(opened.report.damage.find("checksum"), std::string::npos);
  EXPECT_LT(opened.chunks.size(), written.size());
  EXPECT_TRUE(std::equal(opened.chunks.begin(), opened.chunks.end(), written.begin()));
  EXPECT_EQ(Names(directory.path()), (std::vector<std::string>{names[0], names[1], "corrupt-1"}));
  EXPECT_EQ(Names(directory.path() + "/corrupt-1").size(), names.size() - 1);
  opened.files.reset();
  Opened again = OpenFiles(directory.path());
  EXPECT_EQ(again.report.damage, "");
  EXPECT_EQ(again.chunks, opened.chunks);
}

TEST(HeadChunkFiles, AMissingFileIsDamage) {
  TestDirectory directory;
  WriteTwelve(directory.path());
  std::vector<std::string> names = Names(directory.path());
  std::filesystem::remove(StrCat(directory.path(), "/", names[1]));
  Opened opened = OpenFiles(directory.path());
  EXPECT_NE(opened.report.damage.find("missing"), std::string::npos);
  EXPECT_EQ(Names(directory.path()), (std::vector<std::string>{names[0], "corrupt-1"}));
  std::string bytes = Encoded(5, 2'000'000);
  std::vector<HeadChunkFiles::Stored> stored;
  ASSERT_TRUE(opened.files->Append({bytes}, &stored));
  opened.files.reset();
  EXPECT_EQ(OpenFiles(directory.path()).report.damage, "");
}

TEST(HeadChunkFiles, OldFilesGoAndTheirMappingsAreHandedOut) {
  TestDirectory directory;
  std::vector<std::string> written = WriteTwelve(directory.path());
  Opened opened = OpenFiles(directory.path());
  size_t files = Names(directory.path()).size();
  std::vector<MappedFile> unmapped;
  ASSERT_TRUE(opened.files->Truncate(-1, &unmapped));
  EXPECT_TRUE(unmapped.empty());
  ASSERT_TRUE(opened.files->Truncate(6 * 50'000, &unmapped));
  EXPECT_GE(unmapped.size(), 1u);
  EXPECT_EQ(Names(directory.path()).size(), files - unmapped.size());
  EXPECT_TRUE(IsHeadChunkFile(unmapped[0].view()));
  // Out-of-order chunks at or behind a ref stay.
  ASSERT_TRUE(opened.files->Truncate(kMaxTime, &unmapped, uint64_t{files} << 32));
  EXPECT_EQ(Names(directory.path()).size(), 1u);
  ASSERT_TRUE(opened.files->Truncate(kMaxTime, &unmapped));
  EXPECT_EQ(Names(directory.path()).size(), 0u);
  EXPECT_EQ(opened.files->bytes(), 0u);
}

// The first `count` operations of a kind fail.
class FailSome final : public base::FileFaults {
 public:
  FailSome(FileOp op, int count) : op_(op), left_(count) { base::SetFileFaults(this); }
  ~FailSome() override { base::SetFileFaults(nullptr); }
  int Before(FileOp op, const std::string& path, size_t* size) override {
    if (op != op_ || path.find("0000") == std::string::npos || left_-- <= 0) return 0;
    if (op == FileOp::kWrite) *size /= 2;
    return ENOSPC;
  }

 private:
  const FileOp op_;
  std::atomic<int> left_;
};

TEST(HeadChunkFiles, AfterAFailureTheRestIsWrittenAtTheNextCall) {
  for (FileOp op : {FileOp::kOpen, FileOp::kWrite, FileOp::kSync, FileOp::kMap}) {
    for (int failures = 1; failures < 4; ++failures) {
      TestDirectory directory;
      Opened opened = OpenFiles(directory.path());
      std::vector<std::string> bytes;
      std::vector<std::string> names;
      for (int i = 0; i < 12; ++i) {
        bytes.push_back(Encoded(1 + i % 3, i * 50'000));
        names.push_back(StrCat(1 + i % 3, "@", i * 50'000));
      }
      std::vector<HeadChunkFiles::Stored> stored;
      int failed = 0;
      {
        FailSome faults(op, failures);
        while (stored.size() < bytes.size() && failed < 10) {
          std::vector<std::string_view> rest(
              bytes.begin() + static_cast<std::ptrdiff_t>(stored.size()), bytes.end());
          failed += opened.files->Append(rest, &stored) ? 0 : 1;
        }
      }
      EXPECT_EQ(failed, failures) << static_cast<int>(op);
      opened.files.reset();
      Opened again = OpenFiles(directory.path());
      EXPECT_EQ(again.chunks, names) << static_cast<int>(op);
      EXPECT_EQ(again.report.damage, "");
    }
  }
}

TEST(FullChunks, ChunksFreedWhileTheyWaitAreNotWritten) {
  FullChunks full;
  std::string data = SomeChunk(0, 50);
  std::vector<FullChunks::Index> newest(3, FullChunks::kNone);
  for (int i = 0; i < 9; ++i) {
    auto& chunk = newest[static_cast<size_t>(i % 3)];
    chunk = full.Add(chunk, {static_cast<uint64_t>(i % 3 + 1), i, i + 1, false, {1, data}});
  }
  EXPECT_EQ(full.pending(), 9u);
  full.Free(newest[0]);
  auto batch = full.NextPending(1 << 20);
  EXPECT_EQ(full.mint(full.previous(newest[1])), 4);
  EXPECT_EQ(full.Read(newest[1])->data, data);
  std::string copies;
  std::vector<const char*> places;
  for (const auto& pending : batch) copies += pending.stored;
  size_t at = 0;
  for (size_t i = 0; i + 2 < batch.size(); ++i) {
    places.push_back(copies.data() + at);
    at += batch[i].stored.size();
  }
  // Freed between the two calls.
  full.Free(newest[1]);
  FullChunks::Garbage garbage;
  full.Written(batch, places, &garbage);
  EXPECT_EQ(full.Read(newest[2])->data, data);
  auto rest = full.NextPending(1 << 20);
  ASSERT_GE(rest.size(), 1u);
  EXPECT_EQ(rest.back().index, newest[2]);
  // A mapped chunk that changed is told.
  FullChunks::Index old = full.previous(newest[2]);
  EXPECT_TRUE(full.Read(old));
  for (char& c : copies) c = 0;
  EXPECT_FALSE(full.Read(old));
}

}  // namespace
}  // namespace slurmscope::tsdb
