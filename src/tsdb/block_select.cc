#include "tsdb/block_select.h"

#include <algorithm>
#include <optional>

#include "tsdb/postings_ops.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using model::Matcher;
using model::MatchType;
using Ids = std::vector<uint32_t>;

bool IsSet(const Matcher& matcher) {
  return matcher.type() == MatchType::kRegexp && !matcher.regex()->set_matches().empty();
}

int Rank(const Matcher& matcher) {
  if (matcher.MatchesEmpty()) return 3;
  if (matcher.type() == MatchType::kEqual) return 0;
  return IsSet(matcher) ? 1 : 2;
}

class Selection {
 public:
  explicit Selection(const IndexReader& index) : index_(index) {}

  Result<Ids> Run(const std::vector<Matcher>& matchers) {
    std::vector<const Matcher*> order;
    for (const Matcher& matcher : matchers) order.push_back(&matcher);
    // Matchers that name what they want first, those that leave out last.
    std::stable_sort(order.begin(), order.end(),
                     [](const Matcher* a, const Matcher* b) { return Rank(*a) < Rank(*b); });
    for (const Matcher* matcher : order) {
      TRY(Narrow(*matcher));
      if (ids_ && ids_->empty()) return Ids();
    }
    return TakeAll();
  }

 private:
  Result<Ids> TakeAll() {
    if (ids_) return std::move(*ids_);
    Ids all;
    TRY(index_.AllPostings(&all));
    return all;
  }

  Result<void> Narrow(const Matcher& matcher) {
    bool wants_empty = matcher.MatchesEmpty();
    const IndexReader::Name* name = index_.FindName(matcher.name());
    if (name == nullptr) {
      if (!wants_empty) ids_ = Ids();
      return {};
    }
    Ids found = TRY(Union(matcher, *name, !wants_empty));
    if (!wants_empty) {
      ids_ = ids_ ? Intersect(*ids_, found) : std::move(found);
    } else if (!found.empty()) {
      ids_ = Subtract(TRY(TakeAll()), found);
    }
    return {};
  }

  // The series whose value of the label matches or, with `matching` false, does not.
  Result<Ids> Union(const Matcher& matcher, const IndexReader::Name& name, bool matching) const {
    Ids out;
    if (matching && matcher.type() == MatchType::kEqual) {
      TRY(AddValue(name, matcher.value(), &out));
      return out;
    }
    if (matching && IsSet(matcher)) {
      for (const std::string& value : matcher.regex()->set_matches()) {
        TRY(AddValue(name, value, &out));
      }
    } else {
      TRY(AddMatching(matcher, name, matching, &out));
    }
    SortUnique(out);
    return out;
  }

  Result<void> AddValue(const IndexReader::Name& name, const std::string& value, Ids* out) const {
    auto place = index_.FindValue(name, value);
    return place ? index_.Postings(name, *place, out) : Result<void>();
  }

  Result<void> AddMatching(const Matcher& matcher, const IndexReader::Name& name, bool matching,
                           Ids* out) const {
    std::string prefix;
    if (matching && matcher.type() == MatchType::kRegexp) prefix = matcher.regex()->prefix();
    for (size_t i = index_.LowerBound(name, prefix); i < name.entries.size(); ++i) {
      std::string_view value = index_.Value(name, i);
      if (!value.starts_with(prefix)) break;
      if (matcher.Matches(value) == matching) TRY(index_.Postings(name, i, out));
    }
    return {};
  }

  const IndexReader& index_;
  std::optional<Ids> ids_;  // none yet: all
};

}  // namespace

Result<Ids> SelectSeries(const IndexReader& index, const std::vector<Matcher>& matchers) {
  return Selection(index).Run(matchers);
}

}  // namespace slurmscope::tsdb
