#pragma once

#include <string>

#include "base/float_text.h"

namespace slurmscope::model {

// A bucket's bound or a quantile as the value of its label, as OpenMetrics writes it: "1.0",
// "0.25", "1e+06", "+Inf".
inline std::string BoundText(double bound) {
  std::string text = base::FormatFloat(bound, base::FloatStyle::kExposition);
  if (text.find_first_of(".eNI") == std::string::npos) text += ".0";
  return text;
}

}  // namespace slurmscope::model
