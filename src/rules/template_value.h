#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/histogram.h"

// Values of the template language, with the kinds and spellings that Go's text/template shows for
// Prometheus' data.
namespace slurmscope::rules {

class TemplateValue;

using StringMap = std::map<std::string, std::string>;
using ValueMap = std::map<std::string, TemplateValue>;

// One element of a query's result.
struct TemplateSample {
  StringMap labels;
  double value = 0;
  model::HistogramPtr histogram;  // then `value` means nothing
};
using SampleVector = std::vector<std::shared_ptr<const TemplateSample>>;

// What `.` is at the start of an alert's template.
struct TemplateData {
  StringMap labels;
  StringMap external_labels;
  std::string external_url;
  double value = 0;
  model::HistogramPtr histogram;
};

struct NoValue {};  // reflect's invalid value: a missing key of a map without a zero
struct NilValue {};
struct TimeValue {
  int64_t ms = 0;
};
struct DurationValue {
  int64_t ns = 0;
};

// Cheap to copy: what is large is shared and immutable.
class TemplateValue {
 public:
  using Shared = std::variant<NoValue, NilValue, bool, int64_t, double, std::string,
                              std::shared_ptr<const TemplateSample>,
                              std::shared_ptr<const SampleVector>, std::shared_ptr<const StringMap>,
                              std::shared_ptr<const ValueMap>, std::shared_ptr<const TemplateData>,
                              model::HistogramPtr, TimeValue, DurationValue>;

  TemplateValue() = default;
  template <typename T>
  TemplateValue(T value) : value_(std::move(value)) {}  // NOLINT: every kind is one

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&value_);
  }
  bool valid() const { return !std::holds_alternative<NoValue>(value_); }
  bool nil() const { return std::holds_alternative<NilValue>(value_); }

  // Go's name of the type, as error texts show it: "float64", "template.queryResult".
  std::string_view TypeName() const;
  // As {{if}} sees it: not empty, not zero, not nil.
  bool Truth() const;
  // As {{ value }} and %v show it.
  std::string ToText() const;
  // A number, or a string that is one.
  const Shared& raw() const { return value_; }

 private:
  Shared value_;
};

using Values = std::vector<TemplateValue>;

// fmt.Sprint: a space between operands when neither is a string. fmt.Sprintln: always, and a
// newline.
std::string GoPrint(const Values& values);
std::string GoPrintLine(const Values& values);
// fmt.Sprintf: verbs v d s q x X o b c U e E f F g G t T p and %%, with flags, width, precision,
// argument numbers are not known. What does not fit shows as in Go: %!d(string=x). The result is
// cut at `limit` bytes.
std::string GoPrintf(std::string_view format, const Values& values, size_t limit);

// A float with a verb of Go: 'e', 'f', 'g'; precision -1 is the shortest that reads back.
std::string GoFloat(double value, char verb, int precision);
// Go's time.Time.String() in UTC, and its Format with a layout.
std::string GoTimeText(int64_t ms);
std::string GoTimeFormat(int64_t ms, std::string_view layout);
// Go's time.Duration.String(): "1h2m3.5s".
std::string GoDurationText(int64_t ns);

}  // namespace slurmscope::rules
