#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/metadata.h"

namespace slurmscope::agent {

using model::MetricType;

// How a page is written. OpenMetrics names a counter without the _total of its series; a counter
// whose name lacks it keeps its name there and is of type unknown, so that no series is called
// otherwise than in the other format.
enum class Format { kText, kOpenMetrics };

// A label value that says that the series does not have the label.
inline constexpr std::string_view kNoLabel = "\xFF";

// The names of labels for the time of a call.
class LabelNames {
 public:
  LabelNames() = default;
  // NOLINTBEGIN(google-explicit-constructor): a list stands where names are wanted
  LabelNames(std::initializer_list<std::string_view> names)
      : views_(std::data(names)), size_(names.size()) {}
  template <size_t n>
  LabelNames(const std::string_view (&names)[n]) : views_(names), size_(n) {}
  LabelNames(const std::vector<std::string_view>& names)
      : views_(names.data()), size_(names.size()) {}
  LabelNames(const std::vector<std::string>& names) : strings_(names.data()), size_(names.size()) {}
  // NOLINTEND(google-explicit-constructor)

  size_t size() const { return size_; }
  std::string_view operator[](size_t i) const { return views_ ? views_[i] : strings_[i]; }

 private:
  const std::string_view* views_ = nullptr;
  const std::string* strings_ = nullptr;
  size_t size_ = 0;
};

// One metric family and its series of the last scrape. Series come in nearly the same order each
// time, so a sample is first compared with the row that came next last time; only when that fails
// is it searched. In a steady scrape nothing is allocated and unchanged numbers are not printed
// anew. Not thread-safe.
class Family {
 public:
  // `labels` are label names in alphabetical order, as are the values given to Set. All texts
  // outlive the family.
  Family(std::string_view name, std::string_view help, MetricType type,
         std::span<const std::string_view> labels)
      : name_(name), help_(help), type_(type), labels_(labels) {}

  void Set(double value) { Set({}, value); }
  // The first value of a series in a scrape stays; a second one is dropped. Bytes of label values
  // that are not UTF-8, and NULs, are shown as U+FFFD.
  void Set(std::initializer_list<std::string_view> values, double value) {
    Set(values.begin(), values.size(), value);
  }
  void Set(const std::string_view* values, size_t n, double value);

  // A series by its text, `name{a="b"}`, in a family made without labels: for names with suffixes.
  void SetSeries(std::string_view text, double value) { Set(&text, 1, value); }

  // Starts a scrape: no series is set, all are remembered.
  void Begin();
  // HELP, TYPE and the series set since Begin, sorted by label values; nothing when none is.
  // Forgets the others.
  void Render(Format format, std::string& out);
  // As much as Render may append now.
  size_t MostBytes(Format format);
  // Renders as more of `first`, a family of that name rendered before: without a header, and
  // without series that `first` has. Returns how many these were.
  size_t RenderMoreOf(const Family& first, std::string& out);

  std::string_view name() const { return name_; }
  size_t series() const { return set_; }

 private:
  struct Row {
    std::string key;   // label values, each ended by '\0': what rows are compared and sorted by
    std::string text;  // name{labels} and a blank, then the number
    size_t number_at = 0;
    double value = 0;
    uint64_t scrape = 0;
  };

  const std::string& Header(Format format);
  bool Has(const Row& other, std::span<const std::string_view> labels) const;
  Row& Find(const std::string_view* values, size_t n);
  size_t UsualTextSize(size_t n) const;
  Row& Insert(const std::string_view* values, size_t n);
  void Forget();

  std::string_view name_;
  std::string_view help_;
  MetricType type_;
  // Once asked for: most families of a machine never have a series.
  std::string header_;
  std::string open_header_;  // of OpenMetrics
  std::span<const std::string_view> labels_;
  std::vector<Row> rows_;         // in order of arrival
  std::vector<uint32_t> by_key_;  // indices of rows_, sorted by key
  size_t next_ = 0;               // the row expected next
  size_t set_ = 0;
  uint64_t scrape_ = 0;
};

// The families of one collector. References stay valid. Not thread-safe.
class FamilySet {
 public:
  // The family of that name; made on first use. HELP, type and labels are taken then. Names may
  // come out of files: what cannot be in one becomes '_', and a set that holds very many families
  // shows no more of them.
  Family& Get(std::string_view name, std::string_view help, MetricType type,
              const LabelNames& labels = {});

  void Begin();
  // Whether no series is set.
  bool empty() const;
  // Forgets all families: references to them are void.
  void Clear();
  std::pmr::deque<Family>& families() { return families_; }
  // Grows with each family that comes or goes.
  uint64_t version() const { return version_; }

 private:
  std::string_view Keep(std::string_view text);

  // Families and their texts: hundreds, which mostly are made together and stay.
  std::pmr::monotonic_buffer_resource memory_;
  std::pmr::deque<Family> families_{&memory_};
  Family beyond_{"", "", MetricType::kUnknown, {}};
  uint64_t version_ = 0;
};

// Writes the families of several sets in one order by name. Keeps the order while no family is
// added. Of a series that two sets have, that of the first is written.
class Merger {
 public:
  void Render(const std::vector<FamilySet*>& sets, Format format, std::string& out);
  void Render(const std::vector<FamilySet*>& sets, std::string& out) {
    Render(sets, Format::kText, out);
  }
  // The family of which series were left out last time; empty when there was none.
  const std::string& duplicated() const { return duplicated_; }

 private:
  std::vector<FamilySet*> sets_;
  uint64_t version_ = 0;  // of all sets together
  std::vector<Family*> order_;
  std::string duplicated_;
};

}  // namespace slurmscope::agent
