#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "discovery/relabel.h"

using namespace slurmscope;

namespace {

constexpr size_t kMostRules = 8;  // each can double the length of a value

std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end == text->npos ? text->size() : end + 1);
  return line;
}

// Six lines: action and modulus, regex, source labels, separator, target, replacement.
bool TakeRule(std::string_view* text, config::RelabelConfig* rule) {
  const std::string_view first = TakeLine(text);
  if (first.empty() || first[0] < 'a' || first[0] > 'k') return false;
  rule->action = static_cast<config::RelabelAction>(first[0] - 'a');
  rule->modulus = base::ParseInt<uint64_t>(first.substr(1)).value_or(0);
  auto regex = model::Regex::Compile(TakeLine(text));
  if (!regex) return false;
  rule->regex = *std::move(regex);
  for (std::string_view name : base::Split(TakeLine(text), ','))
    rule->source_labels.emplace_back(name);
  rule->separator = TakeLine(text);
  rule->target_label = TakeLine(text);
  rule->replacement = TakeLine(text);
  return true;
}

}  // namespace

// Rules of six lines each, an empty line, labels as name=value. Of valid labels come valid labels,
// in order, each name once.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!base::IsValidUtf8(text)) return 0;  // as everything that comes out of YAML and of a scrape
  std::vector<config::RelabelConfig> rules;
  for (config::RelabelConfig rule; rules.size() < kMostRules && TakeRule(&text, &rule); rule = {})
    rules.push_back(rule);
  model::LabelsBuilder labels;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const size_t equals = line.find('=');
    if (equals == 0 || equals == line.npos) continue;
    labels.Set(line.substr(0, equals), line.substr(equals + 1));
  }
  if (!discovery::Relabel(rules, &labels)) return 0;
  std::string_view last;
  bool first = true;
  const model::Labels result = labels.Build();
  for (const model::Label& label : result) {
    if (!first && label.name <= last) std::abort();
    if (label.value.empty()) std::abort();
    if (!base::IsValidUtf8(label.name) || !base::IsValidUtf8(label.value)) std::abort();
    last = label.name;
    first = false;
  }
  return 0;
}
