#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"

namespace slurmscope::rules {

// What unit tests of rules expect and get, compared and printed as promtool does.

struct TestAlert {
  model::Labels labels;
  std::map<std::string, std::string> annotations;
  bool operator==(const TestAlert&) const = default;
  bool operator<(const TestAlert& other) const {
    int order = labels.Compare(other.labels);
    return order != 0 ? order < 0 : annotations < other.annotations;
  }
};

struct TestSample {
  model::Labels labels;
  double value = 0;
  model::HistogramPtr histogram;  // then `value` means nothing
};

// With `indent` behind each end of line.
std::string Indented(std::string_view text, std::string_view indent);
std::string AlertsText(const std::vector<TestAlert>& alerts);
std::string SamplesText(const std::vector<TestSample>& samples);

// `fuzzy`: values may be one step of the mantissa apart.
bool SameSamples(const std::vector<TestSample>& a, const std::vector<TestSample>& b, bool fuzzy);
void SortByLabels(std::vector<TestSample>* samples);

}  // namespace slurmscope::rules
