#pragma once

#include <string_view>

#include "exposition/item_reader.h"

namespace slurmscope::exposition {

// The items of a page of OpenMetrics on which the samples `name_created` of counters, histograms
// and summaries have become the start times (Item::created_ms) of the samples that they belong to:
// those of the same family, name and labels, but for le. A quantile begins at no time. The samples
// themselves are left out.
// https://prometheus.io/docs/specs/om/open_metrics_spec/#counter-1
ItemReader::Source CreatedOfOpenMetrics(std::string_view body);

}  // namespace slurmscope::exposition
