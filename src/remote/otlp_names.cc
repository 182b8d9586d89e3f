#include "remote/otlp_names.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;
using config::OtlpTranslation;
using Words = std::vector<std::string>;

using Word = std::pair<std::string_view, std::string_view>;
// UCUM's codes.
constexpr std::array<Word, 26> kUnits = {{{"d", "days"},          {"h", "hours"},
                                          {"min", "minutes"},     {"s", "seconds"},
                                          {"ms", "milliseconds"}, {"us", "microseconds"},
                                          {"ns", "nanoseconds"},  {"By", "bytes"},
                                          {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},
                                          {"GiBy", "gibibytes"},  {"TiBy", "tibibytes"},
                                          {"KBy", "kilobytes"},   {"MBy", "megabytes"},
                                          {"GBy", "gigabytes"},   {"TBy", "terabytes"},
                                          {"m", "meters"},        {"V", "volts"},
                                          {"A", "amperes"},       {"J", "joules"},
                                          {"W", "watts"},         {"g", "grams"},
                                          {"Cel", "celsius"},     {"Hz", "hertz"},
                                          {"%", "percent"},       {"1", ""}}};
constexpr std::array<Word, 7> kPerUnits = {{{"s", "second"},
                                            {"m", "minute"},
                                            {"h", "hour"},
                                            {"d", "day"},
                                            {"w", "week"},
                                            {"mo", "month"},
                                            {"y", "year"}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetterOrDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

template <size_t n>
std::string_view Translate(const std::array<Word, n>& words, std::string_view code) {
  for (const auto& [known, word] : words) {
    if (known == code) return word;
  }
  return code;
}

// "{requests}" says what is counted, which is no unit.
bool IsAnnotation(std::string_view unit) {
  return unit.find_first_of("{}") != std::string_view::npos;
}

struct UnitWords {
  std::string main;
  std::string per;
};
UnitWords WordsOf(std::string_view unit) {
  UnitWords words;
  size_t slash = unit.find('/');
  std::string_view main = base::TrimSpace(unit.substr(0, slash));
  if (!main.empty() && !IsAnnotation(main)) words.main = Translate(kUnits, main);
  if (slash == std::string_view::npos) return words;
  std::string_view per = base::TrimSpace(unit.substr(slash + 1));
  if (!per.empty() && !IsAnnotation(per)) words.per = Translate(kPerUnits, per);
  return words;
}

// With underscores for what a metric's name may not have, none of them twice or at an end.
std::string CleanUnit(std::string_view unit) {
  std::string out;
  for (char c : unit) {
    bool good = IsLetterOrDigit(c) || c == ':';
    if (good) {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  if (out.ends_with('_')) out.pop_back();
  return out;
}

Words SplitName(std::string_view name, bool at_underscores) {
  Words words;
  bool inside = false;
  for (char c : name) {
    bool good = IsLetterOrDigit(c) || c == ':' || (c == '_' && !at_underscores);
    if (good && !inside) words.emplace_back();
    if (good) words.back() += c;
    inside = good;
  }
  return words;
}

bool Has(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void PutLast(Words* words, std::string_view word) {
  std::erase(*words, word);
  words->emplace_back(word);
}

bool IsCounter(const OtlpMetric& metric) {
  return metric.kind == OtlpKind::kSum && metric.monotonic;
}
bool IsRatio(const OtlpMetric& metric) {
  bool gauge =
      metric.kind == OtlpKind::kGauge || (metric.kind == OtlpKind::kSum && !metric.monotonic);
  return gauge && metric.unit == "1";
}

std::string Joined(const Words& words) {
  std::string name = base::Join(words, "_");
  return !name.empty() && IsDigit(name[0]) ? StrCat("_", name) : name;
}

std::string EscapedWithSuffixes(const OtlpMetric& metric) {
  Words words = SplitName(metric.name, true);
  if (words.empty()) return {};
  UnitWords unit = WordsOf(metric.unit);
  std::string main = CleanUnit(unit.main);
  std::string per = CleanUnit(unit.per);
  if (!main.empty() && !Has(words, main)) words.push_back(main);
  if (!per.empty() && !Has(words, per)) {
    words.emplace_back("per");
    words.push_back(per);
  }
  if (IsCounter(metric)) PutLast(&words, "total");
  if (IsRatio(metric)) PutLast(&words, "ratio");
  return Joined(words);
}

// Takes "_suffix" off.
void TrimSuffix(std::string_view suffix, std::string* name) {
  if (name->size() > suffix.size() + 1 && name->ends_with(suffix))
    name->resize(name->size() - suffix.size() - 1);
}

std::string PlainWithSuffixes(const OtlpMetric& metric) {
  std::string name = metric.name;
  if (name.empty()) return name;
  if (IsRatio(metric)) TrimSuffix("ratio", &name);
  if (IsCounter(metric)) TrimSuffix("total", &name);
  UnitWords unit = WordsOf(metric.unit);
  std::string per = unit.per.empty() ? "" : StrCat("per_", unit.per);
  if (!per.empty()) TrimSuffix(per, &name);
  if (!unit.main.empty() && !name.ends_with(unit.main)) base::StrAppend(name, "_", unit.main);
  if (!per.empty()) base::StrAppend(name, "_", per);
  if (IsCounter(metric)) name += "_total";
  if (IsRatio(metric)) name += "_ratio";
  return name;
}

}  // namespace

std::string OtlpMetricName(const OtlpMetric& metric, OtlpTranslation translation) {
  switch (translation) {
    case OtlpTranslation::kUnderscoreEscapingWithSuffixes:
      return EscapedWithSuffixes(metric);
    case OtlpTranslation::kNoUtf8EscapingWithSuffixes:
      return PlainWithSuffixes(metric);
    case OtlpTranslation::kUnderscoreEscapingWithoutSuffixes:
      return Joined(SplitName(metric.name, false));
    case OtlpTranslation::kNoTranslation:
      break;
  }
  return metric.name;
}

std::string OtlpLabelName(std::string_view attribute, const config::OtlpConfig& config) {
  bool plain = config.translation == OtlpTranslation::kNoTranslation ||
               config.translation == OtlpTranslation::kNoUtf8EscapingWithSuffixes;
  if (plain || attribute.empty()) return std::string(attribute);
  std::string name;
  for (char c : attribute) {
    // A character of several bytes becomes one underscore.
    if ((static_cast<uint8_t>(c) & 0xC0) == 0x80) continue;
    bool good = IsLetterOrDigit(c) || c == '_';
    bool twice = name.ends_with('_') && (!good || c == '_') &&
                 !config.label_name_preserve_multiple_underscores;
    if (!twice) name += good ? c : '_';
  }
  if (name.empty()) return name;
  if (IsDigit(name[0])) return StrCat("key_", name);
  bool one_underscore = name.starts_with('_') && !name.starts_with("__");
  if (config.label_name_underscore_sanitization && one_underscore) return StrCat("key", name);
  return name;
}

std::string OtlpUnitName(std::string_view unit) {
  UnitWords words = WordsOf(unit);
  if (words.per.empty()) return words.main;
  return StrCat(words.main, words.main.empty() ? "" : "_", "per_", words.per);
}

}  // namespace slurmscope::remote
