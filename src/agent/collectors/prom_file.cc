#include "agent/collectors/prom_file.h"

#include <map>

#include "base/strings.h"
#include "exposition/text_reader.h"
#include "exposition/text_writer.h"

namespace slurmscope::agent {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using exposition::Entry;
using model::MetricType;

class Parser {
 public:
  Result<void> Add(const Entry& entry) {
    if (entry.kind == Entry::Kind::kHelp) {
      Find(entry.metric).help = exposition::UnescapeHelp(entry.text);
    } else if (entry.kind == Entry::Kind::kType) {
      Find(entry.metric).type = entry.type;
    } else if (entry.kind == Entry::Kind::kSample) {
      return AddSample(entry);
    }
    return {};
  }

  std::vector<PromFamily> Take() {
    std::erase_if(families_, [](const PromFamily& family) { return family.samples.empty(); });
    return std::move(families_);
  }

 private:
  PromFamily& Find(std::string_view name) {
    const auto [at, fresh] = by_name_.try_emplace(std::string(name), families_.size());
    if (fresh) families_.emplace_back().name = name;
    return families_[at->second];
  }

  // The family of "x_sum" is x where x is a summary or histogram.
  PromFamily& FamilyOf(std::string_view name) {
    for (const std::string_view suffix : {"_sum", "_count", "_bucket"}) {
      if (!name.ends_with(suffix)) continue;
      const auto at = by_name_.find(std::string(name.substr(0, name.size() - suffix.size())));
      if (at == by_name_.end()) continue;
      PromFamily& family = families_[at->second];
      const bool parts =
          family.type == MetricType::kSummary || family.type == MetricType::kHistogram;
      if (parts) return family;
    }
    return Find(name);
  }

  Result<void> AddSample(const Entry& entry) {
    if (entry.timestamp) {
      return Fail(ErrorCode::kInvalidArgument,
                  base::StrCat("line ", entry.line, ": timestamps are not supported"));
    }
    const model::Labels labels = TRY_CONTEXT(exposition::ParseSeries(entry.series, entry.column),
                                             base::StrCat("line ", entry.line));
    const std::string_view name = labels.Get("__name__");
    TRY(CheckNames(labels, entry.line));
    std::string text(name);
    char separator = '{';
    for (const auto& [label, value] : labels) {
      if (label == "__name__") continue;
      text += std::exchange(separator, ',');
      base::StrAppend(text, label, "=\"");
      exposition::AppendEscapedLabelValue(text, value);
      text += '"';
    }
    if (separator == ',') text += '}';
    FamilyOf(name).samples.push_back({std::move(text), entry.value});
    return {};
  }

  // Others may stand in quotes in a file, but nowhere on a page in the text format.
  static Result<void> CheckNames(const model::Labels& labels, size_t line) {
    for (const auto& [label, value] : labels) {
      const bool is_name = label == "__name__";
      if (is_name ? model::IsLegacyMetricName(value) : model::IsLegacyLabelName(label)) continue;
      return Fail(ErrorCode::kInvalidArgument,
                  base::StrCat("line ", line, ": not a name of the text format: ",
                               base::Quote(is_name ? value : label)));
    }
    return {};
  }

  std::vector<PromFamily> families_;
  std::map<std::string, size_t> by_name_;
};

}  // namespace

Result<std::vector<PromFamily>> ParsePromFile(std::string_view text) {
  exposition::TextReader reader(text);
  Parser parser;
  for (;;) {
    const Entry entry = TRY(reader.Next());
    if (entry.kind == Entry::Kind::kEnd) return parser.Take();
    TRY(parser.Add(entry));
  }
}

}  // namespace slurmscope::agent
