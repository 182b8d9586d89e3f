// What storage answers about many series at once is what it answers series by series.
#include <random>

#include "base/strings.h"
#include "tsdb/test_support.h"

namespace slurmscope::tsdb {
namespace {

using base::StrCat;
using model::Labels;

constexpr int64_t kHour = 3'600'000;

// Gives everything but what it says itself to the defaults of model::SeriesSet.
class PlainSet final : public model::SeriesSet {
 public:
  explicit PlainSet(const model::SeriesSet& set) : set_(set) {}
  size_t size() const override { return set_.size(); }
  Labels LabelsAt(size_t index) const override { return set_.LabelsAt(index); }
  base::Result<void> Decode(size_t index, int64_t mint, int64_t maxt,
                            model::Columns* out) const override {
    return set_.Decode(index, mint, maxt, out);
  }

 private:
  const model::SeriesSet& set_;
};

// Series with more and fewer labels, in no order, samples over eight hours with gaps.
void Fill(Db& db) {
  std::mt19937 random(7);
  for (int64_t t = 0; t < 8 * kHour; t += kHour / 10) {
    auto appender = db.NewAppender();
    for (int i = 299; i >= 0; --i) {
      if (random() % 4 == 0) continue;
      std::string instance = StrCat("n", i * 7 % 31);
      Labels labels{{"__name__", i % 3 == 0 ? "a_total" : "b"},
                    {i % 5 == 0 ? "cpu" : "zone", StrCat(i)},
                    {"instance", instance},
                    {"job", i % 2 == 0 ? "node" : ""}};
      appender->Append(0, labels, t + i, static_cast<double>(random() % 100));
    }
    ASSERT_TRUE(appender->Commit());
  }
}

void ExpectSameAnswers(const model::SeriesSet& set, int64_t mint, int64_t maxt) {
  PlainSet plain(set);
  for (bool without : {false, true}) {
    for (const auto& names : std::vector<std::vector<std::string>>{
             {}, {"instance"}, {"job", "instance"}, {"nosuch"}, {"__name__", "cpu", "zone"}}) {
      model::LabelGroups got = set.GroupBy(names, without);
      model::LabelGroups want = plain.GroupBy(names, without);
      EXPECT_EQ(got.group_of, want.group_of);
      EXPECT_EQ(got.groups, want.groups);
    }
  }
  for (size_t i = 0; i < set.size(); ++i) {
    model::Columns got;
    model::Columns want;
    ASSERT_TRUE(set.DecodeNewest(i, mint, maxt, &got));
    ASSERT_TRUE(plain.DecodeNewest(i, mint, maxt, &want));
    EXPECT_EQ(got.t, want.t);
    EXPECT_EQ(got.v, want.v);
    EXPECT_EQ(got.h.size(), want.h.size());
  }
}

void Check(Db& db) {
  auto name = *model::Matcher::Make(model::MatchType::kRegexp, "__name__", ".+");
  std::vector<std::pair<int64_t, int64_t>> spans = {
      {0, 8 * kHour}, {kHour, 2 * kHour}, {7 * kHour, 8 * kHour}, {kHour, 5 * kHour}};
  for (auto [mint, maxt] : spans) {
    auto querier = *db.NewQuerier(mint, maxt);
    model::SelectHints hints;
    hints.start = mint;
    hints.end = maxt;
    auto set = *querier->Select(true, hints, {name});
    EXPECT_GT(set->size(), 200u);
    for (size_t i = 1; i < set->size(); ++i) EXPECT_LT(set->LabelsAt(i - 1), set->LabelsAt(i));
    ExpectSameAnswers(*set, mint, maxt);
    ExpectSameAnswers(*set, mint + kHour / 2, maxt - kHour / 3);
  }
}

TEST(SelectLabels, AnswersForManyAreThoseForOne) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  Fill(*db);
  Check(*db);
  ASSERT_TRUE(db->Compact());
  EXPECT_GT(db->storage_stats().blocks, 0u);
  Check(*db);
}

// The newest sample may be deleted, or be none that can be told without decoding.
TEST(SelectLabels, DeletedAndHistogramSamplesToo) {
  TestDirectory directory;
  auto db = OpenDb(directory.path());
  Fill(*db);
  auto appender = db->NewAppender();
  model::IntHistogram h;
  h.count = h.zero_count = 1;
  h.sum = 1;
  for (int i = 0; i < 300; ++i) {
    Labels labels{{"__name__", "mixed"}, {"zone", StrCat(i)}};
    appender->Append(0, labels, 7 * kHour + i, 1);
    if (i % 2 == 0) appender->AppendHistogram(0, labels, 7 * kHour + 1000 + i, h);
  }
  ASSERT_TRUE(appender->Commit());
  auto some = *model::Matcher::Make(model::MatchType::kRegexp, "instance", "n1.");
  ASSERT_TRUE(db->Delete(6 * kHour, 9 * kHour, {some}));
  Check(*db);
}

}  // namespace
}  // namespace slurmscope::tsdb
