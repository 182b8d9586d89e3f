#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/metadata.h"

namespace slurmscope::exposition {

// Writes text format 0.0.4 into a buffer.
// https://prometheus.io/docs/instrumenting/exposition_formats/ Values print as Go's client does:
// 1e+06, NaN, +Inf. Not thread-safe.
class TextWriter {
 public:
  explicit TextWriter(std::string& out) : out_(out) {}

  // # HELP and # TYPE; kUnknown prints as "untyped".
  void Family(std::string_view name, std::string_view help, model::MetricType type);
  // name{labels} value. Label values are escaped here; names are the caller's promise.
  void Sample(std::string_view name,
              std::initializer_list<std::pair<std::string_view, std::string_view>> labels,
              double value);
  void Sample(std::string_view name, double value) { Sample(name, {}, value); }
  void SampleOf(std::string_view name,
                const std::vector<std::pair<std::string_view, std::string_view>>& labels,
                double value);

 private:
  void WriteSample(std::string_view name,
                   const std::pair<std::string_view, std::string_view>* labels, size_t count,
                   double value);

  std::string& out_;
};

// `\`, `"` and newline of a label value; of HELP only `\` and newline.
void AppendEscapedLabelValue(std::string& out, std::string_view value);
void AppendEscapedHelp(std::string& out, std::string_view help);

}  // namespace slurmscope::exposition
