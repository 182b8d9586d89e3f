#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"

namespace slurmscope::exposition {

// How an answer of /federate is written: text format 0.0.4, where names that it has no way to write
// get underscores; 1.0.0, which has them in quotes; or protobuf, which alone has native histograms.
struct FederationFormat {
  enum class Kind { kText, kProtobuf };
  Kind kind = Kind::kText;
  bool utf8_names = false;

  // The first form in an Accept header that is known here; the plain text without one.
  static FederationFormat Of(std::string_view accept);
  std::string_view content_type() const;
};

struct FederatedSample {
  model::Labels labels;  // with a name
  int64_t t = 0;
  double value = 0;
  model::HistogramPtr histogram = nullptr;  // instead of the value
};

// The samples, which are sorted by name, as families without a type and with their times. Each gets
// the external labels that it has not, and an empty `instance` when it has none.
std::string WriteFederation(const std::vector<FederatedSample>& samples,
                            const std::map<std::string, std::string>& external_labels,
                            const FederationFormat& format);

}  // namespace slurmscope::exposition
