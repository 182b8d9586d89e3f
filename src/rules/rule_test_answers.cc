#include "rules/rule_test_answers.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/strings.h"
#include "rules/template_value.h"

namespace slurmscope::rules {
namespace {

using base::Quote;
using base::StrAppend;
using base::StrCat;
using model::Labels;

// Go's form of a label set: the name among the others.
std::string GoLabels(const Labels& labels) {
  std::string out = "{";
  for (model::Label label : labels) {
    bool plain = model::IsLegacyLabelName(label.name);
    StrAppend(out, out.size() > 1 ? ", " : "", plain ? std::string(label.name) : Quote(label.name),
              "=", Quote(label.value));
  }
  return out + "}";
}

// What is left of a label set with empty values is its map.
std::string GoMap(const std::map<std::string, std::string>& map) {
  std::string out = "{";
  for (const auto& [name, value] : map)
    StrAppend(out, out.size() > 1 ? ", " : "", name, "=", Quote(value));
  return out + "}";
}

bool SameValue(double a, double b, bool fuzzy) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  // One step of the mantissa in either direction.
  return fuzzy && (std::nextafter(a, INFINITY) == b || std::nextafter(a, -INFINITY) == b);
}

}  // namespace

std::string Indented(std::string_view text, std::string_view indent) {
  std::string out;
  for (char c : text) {
    out += c;
    if (c == '\n') out += indent;
  }
  return out;
}

std::string AlertsText(const std::vector<TestAlert>& alerts) {
  if (alerts.empty()) return "[]";
  std::string out = "[";
  for (size_t i = 0; i < alerts.size(); ++i) {
    std::string text = StrCat("\nLabels:", GoLabels(alerts[i].labels),
                              "\nAnnotations:", GoMap(alerts[i].annotations));
    StrAppend(out, i > 0 ? "," : "", "\n", i, ":", Indented(text, "  "));
  }
  return out + "\n]";
}

std::string SamplesText(const std::vector<TestSample>& samples) {
  if (samples.empty()) return "nil";
  std::string out;
  for (const TestSample& sample : samples) {
    std::string value = GoFloat(sample.value, 'e', -1);
    for (char& c : value) c = c == 'e' ? 'E' : c;
    StrAppend(out, out.empty() ? "" : ", ", GoLabels(sample.labels), " ",
              sample.histogram ? sample.histogram->ToString() : value);
  }
  return out;
}

bool SameSamples(const std::vector<TestSample>& a, const std::vector<TestSample>& b, bool fuzzy) {
  auto same = [fuzzy](const TestSample& x, const TestSample& y) {
    if (!(x.labels == y.labels) || (x.histogram == nullptr) != (y.histogram == nullptr))
      return false;
    if (x.histogram) return x.histogram->Equals(*y.histogram);
    return SameValue(x.value, y.value, fuzzy);
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

void SortByLabels(std::vector<TestSample>* samples) {
  std::stable_sort(samples->begin(), samples->end(),
                   [](const TestSample& a, const TestSample& b) { return a.labels < b.labels; });
}

}  // namespace slurmscope::rules
