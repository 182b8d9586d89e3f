#pragma once

#include <memory>
#include <string_view>

#include "exposition/item_reader.h"

namespace slurmscope::exposition {

struct ProtoOptions {
  bool native_histograms = false;  // take them; otherwise the buckets that stand beside them
  bool always_classic = false;     // the buckets, even so
};

// The items of a body of length-delimited io.prometheus.client.MetricFamily messages
// (https://github.com/prometheus/client_model), in which foreign bytes may be anything: an error
// says what is wrong. Series have their text in the quoted form, {"name","label"="value"}. `body`
// must outlive the source.
ItemReader::Source ProtoSource(std::string_view body, ProtoOptions options);

}  // namespace slurmscope::exposition
