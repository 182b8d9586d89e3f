#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/histogram.h"

namespace slurmscope::exposition {

// Writes length-delimited io.prometheus.client.MetricFamily messages
// (https://github.com/prometheus/client_model). Samples of one name that follow each other are one
// family. Not thread-safe.
class ProtoFamilies {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  void AddUntyped(std::string_view name, const Labels& labels, double value, int64_t t);
  // A native histogram, as one of floats.
  void AddHistogram(std::string_view name, const Labels& labels, const model::FloatHistogram& h,
                    int64_t t);
  // All that was added; begins anew.
  std::string Take();

 private:
  void Begin(std::string_view name, int type);
  void End();

  std::string out_;
  std::string family_;  // message under way
  std::string name_;
  int type_ = -1;
};

}  // namespace slurmscope::exposition
