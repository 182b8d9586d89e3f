#include "tsdb/select.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "tsdb/postings_ops.h"

namespace slurmscope::tsdb {
namespace {

using model::Matcher;
using model::MatchType;
using Ids = std::vector<SeriesId>;

class Selection {
 public:
  explicit Selection(const Head& head) : head_(head), index_(head.index()) {}

  Ids Run(const std::vector<Matcher>& matchers) {
    std::vector<const Matcher*> order;
    for (const Matcher& matcher : matchers) order.push_back(&matcher);
    // Matchers that name what they want first, those that leave out last.
    std::stable_sort(order.begin(), order.end(),
                     [](const Matcher* a, const Matcher* b) { return Rank(*a) < Rank(*b); });
    for (const Matcher* matcher : order) {
      Narrow(*matcher);
      if (ids_ && ids_->empty()) return {};
    }
    return ids_ ? std::move(*ids_) : head_.AllSeries();
  }

 private:
  static int Rank(const Matcher& matcher) {
    if (matcher.MatchesEmpty()) return 3;
    if (matcher.type() == MatchType::kEqual) return 0;
    return IsSet(matcher) ? 1 : 2;
  }
  static bool IsSet(const Matcher& matcher) {
    return matcher.type() == MatchType::kRegexp && !matcher.regex()->set_matches().empty();
  }

  void Narrow(const Matcher& matcher) {
    bool wants_empty = matcher.MatchesEmpty();
    const std::vector<PairId>* pairs = index_.PairsOfName(matcher.name());
    if (pairs == nullptr) {
      if (!wants_empty) ids_ = Ids();
      return;
    }
    bool by_name = matcher.type() == MatchType::kEqual || IsSet(matcher);
    if (ids_ && !by_name && ids_->size() < pairs->size()) {
      Filter(matcher, (*pairs)[0]);
    } else if (wants_empty) {
      Ids unwanted = Union(matcher, *pairs, false);
      if (!unwanted.empty()) ids_ = Subtract(ids_ ? *ids_ : head_.AllSeries(), unwanted);
    } else if (matcher.type() == MatchType::kEqual) {
      auto pair = index_.FindPair(matcher.name(), matcher.value());
      Keep(pair ? index_.pair(*pair).postings : Ids());
    } else {
      Keep(Union(matcher, *pairs, true));
    }
  }

  void Keep(const Ids& wanted) { ids_ = ids_ ? Intersect(*ids_, wanted) : wanted; }

  // The series whose value of the matcher's label matches it or, with `matching` false, does not.
  Ids Union(const Matcher& matcher, const std::vector<PairId>& pairs, bool matching) const {
    Ids out;
    auto add = [&](const LabelPair& pair) {
      out.insert(out.end(), pair.postings.begin(), pair.postings.end());
    };
    if (matching && IsSet(matcher)) {
      for (const std::string& value : matcher.regex()->set_matches()) {
        if (auto pair = index_.FindPair(matcher.name(), value)) add(index_.pair(*pair));
      }
    } else {
      for (PairId id : pairs) {
        const LabelPair& pair = index_.pair(id);
        if (Matches(matcher, pair.value) == matching) add(pair);
      }
    }
    // A set may name a value twice; otherwise the lists have nothing in common.
    SortUnique(out);
    return out;
  }

  static bool Matches(const Matcher& matcher, std::string_view value) {
    if (matcher.type() == MatchType::kRegexp && !value.starts_with(matcher.regex()->prefix())) {
      return false;
    }
    return matcher.Matches(value);
  }

  // Looks at each series that is left, at each value once.
  void Filter(const Matcher& matcher, PairId any_pair) {
    NameId name = index_.pair(any_pair).name_id;
    bool empty_matches = matcher.MatchesEmpty();
    std::unordered_map<PairId, bool> known;
    std::erase_if(*ids_, [&](SeriesId id) {
      auto pair = PairOf(id, name);
      if (!pair) return !empty_matches;
      auto [it, is_new] = known.try_emplace(*pair, false);
      if (is_new) it->second = Matches(matcher, index_.pair(*pair).value);
      return !it->second;
    });
  }

  std::optional<PairId> PairOf(SeriesId id, NameId name) const {
    LabelRange range = head_.series(id).labels();
    const PairId* pairs = index_.PairsOf(range);
    for (size_t i = 0; i < range.count; ++i) {
      if (index_.pair(pairs[i]).name_id == name) return pairs[i];
    }
    return std::nullopt;
  }

  const Head& head_;
  const LabelIndex& index_;
  std::optional<Ids> ids_;  // none yet: all
};

}  // namespace

Ids SelectSeries(const Head& head, const std::vector<Matcher>& matchers) {
  return Selection(head).Run(matchers);
}

}  // namespace slurmscope::tsdb
