#include "tsdb/block.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/block_writer.h"
#include "tsdb/test_support.h"
#include "tsdb/ulid.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::Labels;

std::string MakeChunk(int64_t start, int count, double scale) {
  XorChunkBuilder chunk;
  for (int i = 0; i < count; ++i) chunk.Append(start + i * 15'000, scale * i);
  return chunk.bytes();
}

Labels Nth(int i) {
  return Labels{{"__name__", "m"}, {"i", StrCat(100 + i)}, {"odd", StrCat("v", i % 3)}};
}

// `series` series of two chunks of 120 samples.
std::string WriteBlock(const std::string& directory, int series) {
  std::set<std::string> symbols;
  for (int i = 0; i < series; ++i) {
    for (model::Label label : Nth(i))
      symbols.insert({std::string(label.name), std::string(label.value)});
  }
  std::string ulid = NewUlid(1'700'000'000'000);
  auto writer = BlockWriter::Create(directory, ulid, {symbols.begin(), symbols.end()});
  EXPECT_TRUE(writer);
  for (int i = 0; i < series; ++i) {
    std::string first = MakeChunk(0, 120, i);
    std::string second = MakeChunk(120 * 15'000, 120, i + 1);
    std::vector<BlockChunk> chunks = {{0, 119 * 15'000, {kXorEncoding, first}},
                                      {120 * 15'000, 239 * 15'000, {kXorEncoding, second}}};
    EXPECT_TRUE(writer->AddSeries(Nth(i), chunks));
  }
  BlockMeta meta;
  meta.max_time = 7'200'000;
  meta.sources = {ulid};
  EXPECT_TRUE(writer->Finish(&meta));
  return directory + "/" + ulid;
}

TEST(Ulid, SortsByTimeAndIsRecognised) {
  std::string early = NewUlid(1'700'000'000'000);
  EXPECT_LT(early, NewUlid(1'700'000'000'001));
  EXPECT_TRUE(IsUlid(early));
  EXPECT_EQ(early.substr(0, 10), "01HF7YAT00");
  EXPECT_FALSE(IsUlid("01HF7YAT00"));
  EXPECT_FALSE(IsUlid("81HF7YAT000000000000000000"));
  EXPECT_FALSE(IsUlid("01HF7YAT00000000000000000U"));
}

TEST(Block, HoldsWhatWasWritten) {
  TestDirectory directory;
  std::string path = WriteBlock(directory.path(), 30);
  auto block = Block::Open(path);
  ASSERT_TRUE(block) << block.error().message();
  const IndexReader& index = (*block)->index();
  EXPECT_EQ((*block)->meta().stats.samples, 30u * 240);
  EXPECT_EQ(index.names().size(), 3u);
  const auto* name = index.FindName("i");
  ASSERT_NE(name, nullptr);
  EXPECT_EQ(name->entries.size(), 30u);
  EXPECT_EQ(index.FindName("j"), nullptr);
  EXPECT_FALSE(index.FindValue(*name, "1"));
  auto value = index.FindValue(*name, "107");
  ASSERT_TRUE(value);
  std::vector<uint32_t> ids;
  ASSERT_TRUE(index.Postings(*name, *value, &ids));
  ASSERT_EQ(ids.size(), 1u);
  IndexedSeries series;
  ASSERT_TRUE(index.ReadSeries(ids[0], true, &series));
  EXPECT_EQ(series.labels, Nth(7));
  ASSERT_EQ(series.chunks.size(), 2u);
  EXPECT_EQ(series.chunks[1].mint, 120 * 15'000);
  auto chunk = (*block)->ReadChunk(series.chunks[1].ref);
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->data, MakeChunk(120 * 15'000, 120, 8));
  ids.clear();
  ASSERT_TRUE(index.AllPostings(&ids));
  EXPECT_EQ(ids.size(), 30u);
}

TEST(Block, UnfinishedOnesLeaveNothing) {
  TestDirectory directory;
  {
    auto writer = BlockWriter::Create(directory.path(), NewUlid(1), {"a", "b"});
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->AddSeries(Labels{{"a", "b"}}, {}));
    EXPECT_FALSE(writer->AddSeries(Labels{{"a", "b"}}, {}));
    EXPECT_FALSE(writer->AddSeries(Labels{{"a", "c"}}, {}));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Block, EveryChangedByteIsNoticed) {
  TestDirectory directory;
  std::string path = WriteBlock(directory.path(), 3);
  for (std::string name : {"index", "chunks/000001", "tombstones"}) {
    std::string file = path + "/" + name;
    std::string good = *base::ReadFile(file);
    for (size_t i = 0; i < good.size(); i += name == "chunks/000001" ? 13 : 1) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x10);
      std::ofstream(file) << bad;
      auto block = Block::Open(path);
      bool noticed = !block;
      std::vector<uint32_t> ids;
      noticed = noticed || !(*block)->index().AllPostings(&ids);
      IndexedSeries series;
      for (size_t k = 0; !noticed && k < ids.size(); ++k) {
        noticed = !(*block)->index().ReadSeries(ids[k], true, &series);
        for (const ChunkMeta& chunk : series.chunks)
          noticed = noticed || !(*block)->ReadChunk(chunk.ref);
      }
      for (const auto& label :
           noticed ? std::vector<IndexReader::Name>() : (*block)->index().names()) {
        for (size_t v = 0; v < label.entries.size(); ++v) {
          noticed = noticed || !(*block)->index().Postings(label, v, &ids);
        }
      }
      // Padding and the offsets that readers of version 2 do not use may be anything.
      size_t toc = good.size() - 52;
      bool unused = (name == "index" && i < toc && good[i] == 0) ||
                    (name == "chunks/000001" && i >= 5 && i < 8);
      EXPECT_TRUE(noticed || unused) << name << " byte " << i;
    }
    std::ofstream(file) << good.substr(0, good.size() / 2);
    auto block = Block::Open(path);
    EXPECT_TRUE(!block || name == "chunks/000001");
    std::ofstream(file) << good;
  }
  EXPECT_TRUE(Block::Open(path));
}

TEST(BlockMeta, KeepsWhatItDoesNotKnow) {
  std::string json =
      R"({"ulid":"01HF7YAT0000000000000000AA","minTime":-5,"maxTime":7200000,"version":1,
          "stats":{"numSamples":12,"numSeries":3,"numChunks":3,"other":[1,2]},
          "compaction":{"level":2,"sources":["a","b"],"parents":[{"ulid":"a","minTime":1,"maxTime":2}],
          "hints":["from-out-of-order"],"x":{"y":null}},
          "thanos":{"labels":{"a":"b\u00e9\n"},"downsample":{"resolution":0}}})";
  auto meta = ParseBlockMeta(json);
  ASSERT_TRUE(meta) << meta.error().message();
  EXPECT_EQ(meta->min_time, -5);
  EXPECT_EQ(meta->stats.samples, 12u);
  EXPECT_EQ(meta->level, 2);
  EXPECT_EQ(meta->sources, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(meta->parents.size(), 1u);
  EXPECT_EQ(meta->parents[0].max_time, 2);
  meta->failed = true;
  std::string again = WriteBlockMeta(*meta);
  auto second = ParseBlockMeta(again);
  ASSERT_TRUE(second) << again;
  EXPECT_TRUE(second->failed);
  EXPECT_EQ(second->hints, meta->hints);
  EXPECT_EQ(second->unknown, meta->unknown);
  EXPECT_NE(again.find(R"("thanos":{"labels":{"a":"b\u00e9\n"},"downsample":{"resolution":0}})"),
            again.npos);
  EXPECT_NE(again.find(R"("other":[1,2])"), again.npos);
  EXPECT_NE(again.find(R"("x":{"y":null})"), again.npos);
}

TEST(BlockMeta, RefusesWhatIsNotOne) {
  std::string good = R"({"ulid":"a","minTime":1,"maxTime":2,"version":1})";
  ASSERT_TRUE(ParseBlockMeta(good));
  for (size_t i = 0; i < good.size(); ++i) EXPECT_FALSE(ParseBlockMeta(good.substr(0, i))) << i;
  for (std::string bad : {R"({"ulid":"a","minTime":3,"maxTime":2,"version":1})", "[]", "null",
                          R"({"ulid":"a","minTime":1,"maxTime":2,"version":2})",
                          R"({"ulid":"a","minTime":1.5,"maxTime":2,"version":1})",
                          R"({"ulid":"a","minTime":1,"minTime":1,"maxTime":2,"version":1})",
                          R"({"ulid":"a","minTime":1,"maxTime":2,"version":1,})"}) {
    EXPECT_FALSE(ParseBlockMeta(bad)) << bad;
  }
  std::string deep = good.substr(0, good.size() - 1) + ",\"x\":" + std::string(40, '[') +
                     std::string(40, ']') + "}";
  EXPECT_FALSE(ParseBlockMeta(deep));
}

TEST(Tombstones, ReadAndApply) {
  EXPECT_EQ(WriteTombstones({}), std::string("\x01\x30\xba\x30\x01\0\0\0\0", 9));
  EXPECT_TRUE(ParseTombstones(WriteTombstones({}))->empty());
  model::Columns columns{{1, 2, 3, 4}, {10, 20, 30, 40}};
  RemoveIntervals({{2, 2}, {4, 9}}, &columns);
  EXPECT_EQ(columns.t, (model::Times{1, 3}));
  EXPECT_EQ(columns.v, (model::Values{10, 30}));
}

}  // namespace
}  // namespace slurmscope::tsdb
