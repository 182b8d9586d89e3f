#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slurmscope::model {

inline constexpr std::string_view kMetricName = "__name__";
inline constexpr std::string_view kInstanceLabel = "instance";
inline constexpr std::string_view kJobLabel = "job";

struct Label {
  std::string_view name;
  std::string_view value;
  bool operator==(const Label&) const = default;
};

// A label set: pairs sorted by name, names unique, no empty values. Immutable, one allocation: the
// pairs lie one after the other in a string, each as uvarint length + bytes of name and value.
// Views stay valid while the object lives and is not assigned to. Const methods may be called from
// many threads.
class Labels {
 public:
  Labels() = default;
  Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs);

  // From pairs in any order; pairs with an empty value are dropped, the last of equal names wins.
  static Labels FromPairs(std::vector<std::pair<std::string_view, std::string_view>> pairs);

  class Iterator {
   public:
    using value_type = Label;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(const char* position) : position_(position) {}
    Label operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return position_ == other.position_; }

   private:
    const char* position_;
  };
  Iterator begin() const { return Iterator(data_.data()); }
  Iterator end() const { return Iterator(data_.data() + data_.size()); }

  bool empty() const { return data_.empty(); }
  size_t size() const;  // number of pairs; walks them

  // The value of `name`, empty when it is not there (Prometheus makes no difference).
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const { return !Get(name).empty(); }

  // Over names and values; the same in every run. Equal sets have equal hashes.
  uint64_t Hash() const;

  // {__name__="up", job="x"} as PromQL prints it: up{job="x"}; names that need it are quoted.
  std::string ToString() const;

  bool operator==(const Labels& other) const { return data_ == other.data_; }
  // The order of API answers: pair by pair, names then values, bytewise; a prefix comes first.
  bool operator<(const Labels& other) const { return Compare(other) < 0; }
  int Compare(const Labels& other) const;

 private:
  friend class LabelsBuilder;
  std::string data_;
};

// Edits a label set. Not thread-safe.
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(const Labels& base) { Reset(base); }

  void Reset(const Labels& base);
  // An empty value removes the label.
  LabelsBuilder& Set(std::string_view name, std::string_view value);
  LabelsBuilder& Remove(std::string_view name) { return Set(name, {}); }
  // Keeps only (or drops) the named labels.
  LabelsBuilder& Keep(const std::vector<std::string>& names);
  LabelsBuilder& Drop(const std::vector<std::string>& names);
  std::string_view Get(std::string_view name) const;
  Labels Build() const;

  // The current pairs, sorted by name. Views are valid until the next change.
  const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// [a-zA-Z_][a-zA-Z0-9_]*, and for metric names also ':' : the names that need no quotes in PromQL.
bool IsLegacyLabelName(std::string_view name);
bool IsLegacyMetricName(std::string_view name);

}  // namespace slurmscope::model

template <>
struct std::hash<slurmscope::model::Labels> {
  size_t operator()(const slurmscope::model::Labels& labels) const noexcept {
    return labels.Hash();
  }
};
