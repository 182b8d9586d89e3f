#pragma once

#include <string_view>

#include "model/appender.h"

namespace slurmscope::model {

// Why a sample was not taken, as messages say it; a word to that effect for kOk, too.
constexpr std::string_view InWords(AppendStatus status) {
  switch (status) {
    case AppendStatus::kOutOfOrder:
      return "out of order sample";
    case AppendStatus::kDuplicate:
      return "duplicate sample for timestamp";
    case AppendStatus::kOutOfBounds:
      return "out of bounds";
    case AppendStatus::kTooOld:
      return "too old sample";
    case AppendStatus::kInvalidHistogram:
      return "invalid histogram";
    case AppendStatus::kInvalidLabels:
      return "invalid labels";
    case AppendStatus::kOk:
    case AppendStatus::kUnknownSeries:
      break;
  }
  return "the sample was not taken";
}

}  // namespace slurmscope::model
