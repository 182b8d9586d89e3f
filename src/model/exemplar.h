#pragma once

#include <cstdint>

#include "model/labels.h"

namespace slurmscope::model {

// A pointer out of a series to something outside, a trace most of all: labels, and the value that
// was observed then.
struct Exemplar {
  Labels labels;
  double value = 0;
  int64_t t = 0;  // ms
  // Whether the exposition said the time, or it is that of the scrape.
  bool has_timestamp = true;
};

}  // namespace slurmscope::model
