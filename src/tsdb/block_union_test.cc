// Several blocks seen as one: with symbols of their own, series that only some have, and times that
// overlap.
#include "tsdb/block_union.h"

#include <random>
#include <set>

#include "base/strings.h"
#include "tsdb/backfill.h"
#include "tsdb/block_querier.h"
#include "tsdb/read_only_db.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::Columns;
using model::Labels;
using model::Matcher;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'700'006'400'000;  // on a border of 2 h
constexpr int64_t kEnd = kStart + 8 * kHour;

struct ByLabels {
  bool operator()(const Labels& a, const Labels& b) const { return a.Compare(b) < 0; }
};
// What must be read: the last value that was written at each time.
using Model = std::map<Labels, std::map<int64_t, double>, ByLabels>;

Labels Nth(int i) {
  return {{"__name__", StrCat("m", i % 3)}, {"host", StrCat("h", i)}, {i % 2 ? "a" : "z", "x"}};
}

class BlockUnion : public testing::Test {
 protected:
  // Two thirds of the series, for some hours; each call makes blocks with other symbols.
  void Write(int seed, int64_t begin, int64_t end) {
    std::mt19937_64 random(static_cast<uint64_t>(seed));
    Backfill backfill(2 * kHour);
    for (int i = 0; i < 60; ++i) {
      // All have the first, so that the times of blocks that overlap agree.
      if (i > 0 && random() % 3 == 0) continue;
      auto number = backfill.AddSeries(Nth(i));
      for (int64_t t = begin + i; t < end; t += 600'000) {
        auto v = static_cast<double>(random() % 100);
        backfill.Append(number, t, v);
        model_[Nth(i)].insert_or_assign(t, v);
      }
    }
    ASSERT_TRUE(backfill.Write(directory_.path(), 1000 * ++written_, [](const auto&) {}));
  }

  void SetUp() override {
    Write(1, kStart, kStart + 4 * kHour);
    Write(2, kStart + 2 * kHour, kStart + 6 * kHour);
    Write(3, kStart + 6 * kHour, kEnd);
    db_ = std::move(*ReadOnlyDb::Open(directory_.path(), false));
  }

  std::unique_ptr<model::SeriesSet> Select(int64_t mint, int64_t maxt,
                                           const std::vector<Matcher>& matchers = {}) {
    model::SelectHints hints;
    hints.start = mint;
    hints.end = maxt;
    querier_ = *db_->NewQuerier(mint, maxt);
    return *querier_->Select(true, hints, matchers);
  }

  TestDirectory directory_;
  int64_t written_ = 0;
  Model model_;
  std::unique_ptr<ReadOnlyDb> db_;
  std::unique_ptr<model::Querier> querier_;
};

void ExpectSame(const model::SeriesSet& set, const Model& expected, int64_t mint, int64_t maxt) {
  size_t at = 0;
  Columns columns;
  for (const auto& [labels, samples] : expected) {
    auto first = samples.lower_bound(mint);
    auto last = samples.upper_bound(maxt);
    if (first == last) continue;
    ASSERT_LT(at, set.size());
    ASSERT_EQ(set.LabelsAt(at), labels);
    ASSERT_TRUE(set.Decode(at, mint, maxt, &columns));
    ASSERT_EQ(columns.size(), static_cast<size_t>(std::distance(first, last)));
    for (size_t i = 0; first != last; ++first, ++i) {
      ASSERT_EQ(columns.t[i], first->first);
      ASSERT_EQ(columns.v[i], first->second) << labels.ToString() << " at " << first->first;
    }
    ASSERT_TRUE(set.DecodeNewest(at, mint, maxt, &columns));
    ASSERT_EQ(columns.size(), 1u);
    ASSERT_EQ(columns.t[0], std::prev(last)->first);
    ASSERT_EQ(columns.v[0], std::prev(last)->second);
    ++at;
  }
  EXPECT_EQ(at, set.size());
}

TEST_F(BlockUnion, HasEachSeriesOnceAndTheSamplesOfAll) {
  ExpectSame(*Select(kStart, kEnd), model_, kStart, kEnd);
  // Cut inside of blocks, where series without samples in the window must not appear.
  std::mt19937_64 random(7);
  for (int i = 0; i < 50; ++i) {
    int64_t mint = kStart + static_cast<int64_t>(random() % static_cast<uint64_t>(kEnd - kStart));
    int64_t maxt = mint + static_cast<int64_t>(random() % (3 * kHour));
    auto set = Select(mint, maxt);
    Model inside;
    for (const auto& [labels, samples] : model_) {
      if (samples.lower_bound(mint) != samples.upper_bound(maxt)) inside.emplace(labels, samples);
    }
    // A chunk may reach into the window without a sample there.
    if (set->size() == inside.size()) ExpectSame(*set, inside, mint, maxt);
    EXPECT_GE(set->size(), inside.size());
  }
}

TEST_F(BlockUnion, GroupsAsTheLabelsDo) {
  auto set = Select(kStart, kEnd);
  using Names = std::vector<std::string>;
  for (const Names& names : {Names{}, Names{"__name__"}, Names{"a", "z"}, Names{"host", "none"}}) {
    for (bool without : {false, true}) {
      auto fast = set->GroupBy(names, without);
      auto plain = set->model::SeriesSet::GroupBy(names, without);
      EXPECT_EQ(fast.group_of, plain.group_of);
      EXPECT_EQ(fast.groups, plain.groups);
    }
  }
}

TEST_F(BlockUnion, KnowsTheLabelsOfTheSeriesThatMatch) {
  (void)Select(kStart, kEnd);
  std::vector<Matcher> matchers = {Matcher::Equal("__name__", "m1"), Matcher::Equal("a", "x")};
  std::set<std::string> hosts;
  for (const auto& [labels, samples] : model_) {
    if (labels.Get("__name__") == "m1" && labels.Get("a") == "x") hosts.emplace(labels.Get("host"));
  }
  std::vector<std::string> expected(hosts.begin(), hosts.end());
  EXPECT_EQ(*querier_->LabelValues("host", matchers, 0), expected);
  expected.resize(3);
  EXPECT_EQ(*querier_->LabelValues("host", matchers, 3), expected);
  EXPECT_TRUE(querier_->LabelValues("z", matchers, 0)->empty());
  EXPECT_EQ(*querier_->LabelNames(matchers, 0),
            (std::vector<std::string>{"__name__", "a", "host"}));
}

}  // namespace
}  // namespace slurmscope::tsdb
