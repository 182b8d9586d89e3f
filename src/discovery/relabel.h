#pragma once

#include <vector>

#include "config/prometheus.h"
#include "model/labels.h"

namespace slurmscope::discovery {

// Applies the rules in order, as Prometheus does. False when a rule drops the target or series;
// `labels` is then in no particular state. lowercase and uppercase change ASCII letters only.
// https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
bool Relabel(const std::vector<config::RelabelConfig>& rules, model::LabelsBuilder* labels);

}  // namespace slurmscope::discovery
