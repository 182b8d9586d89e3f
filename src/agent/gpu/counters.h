#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/metadata.h"

namespace slurmscope::agent::gpu {

using base::Result;

// One row of a counters file: a field that becomes a metric or a label.
struct Counter {
  std::string name;  // as the file spells it
  int field = -1;    // in AllFields()
  bool label = false;
  model::MetricType type = model::MetricType::kGauge;
  std::string help;
};

// A counters file as dcgm-exporter has it: CSV (RFC 4180), `#` comments, three columns: field, type
// (gauge, counter, histogram, summary, label), help.
struct Counters {
  std::vector<Counter> rows;
  std::vector<std::string> problems;  // "line 3: ...", one for each line left out
};

// Never fails: a line that makes no sense is a problem, the others count. A field named twice
// counts once.
Counters ParseCounters(std::string_view text);
// Reads a file of at most 1 MiB.
Result<Counters> LoadCounters(const std::string& path);
// What is served without a file: the fields that dcgm-exporter has on by default, and those that
// dashboards and alerts of GPU clusters ask for.
const Counters& DefaultCounters();

}  // namespace slurmscope::agent::gpu
