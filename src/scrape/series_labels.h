#pragma once

#include <optional>

#include "base/result.h"
#include "config/prometheus.h"
#include "model/labels.h"

namespace slurmscope::scrape {

using base::Result;

// The labels under which a scraped series is stored: the target's are merged in (a scraped label of
// the same name is kept with honor_labels and renamed to exported_<name> otherwise), then metric
// relabelling and the label limits apply. nullopt when relabelling drops it; kResourceExhausted
// when a limit is exceeded; kInvalidArgument without a name.
Result<std::optional<model::Labels>> SeriesLabels(const config::ScrapeConfig& config,
                                                  const model::Labels& target,
                                                  const model::Labels& scraped);

// Labels of up, scrape_duration_seconds and the like.
model::Labels ReportLabels(std::string_view metric, const model::Labels& target);

// Writes the value of le (histogram) or quantile (summary) as a float: "1" becomes "1.0". Text that
// is no number and labels without `name` stay as they are.
model::Labels WithFloatLabel(const model::Labels& labels, std::string_view name);

}  // namespace slurmscope::scrape
