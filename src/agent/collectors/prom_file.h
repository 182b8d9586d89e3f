#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/metadata.h"

namespace slurmscope::agent {

// A text file of metrics, read as a whole.
struct PromFamily {
  struct Sample {
    std::string series;  // name and labels, sorted and escaped
    double value;
  };
  std::string name;
  std::string help;  // empty: none
  model::MetricType type = model::MetricType::kUnknown;
  std::vector<Sample> samples;
};

// Families in the order of the text. Timestamps are an error: the time of a sample is that of its
// scrape. So are names that need quotes.
base::Result<std::vector<PromFamily>> ParsePromFile(std::string_view text);

}  // namespace slurmscope::agent
