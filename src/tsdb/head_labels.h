#pragma once

#include <string>
#include <vector>

#include "model/querier.h"
#include "tsdb/head.h"

// What queries ask about the labels of many series, answered with the numbers of their pairs
// instead of texts. Both need no lock, but the series must have been found under one.
namespace slurmscope::tsdb {

// Into the order of model::Labels.
void SortByLabels(const Head& head, std::vector<SeriesId>* ids);

// As model::SeriesSet::GroupBy.
model::LabelGroups GroupByLabels(const Head& head, const std::vector<SeriesId>& ids,
                                 const std::vector<std::string>& names, bool without);

}  // namespace slurmscope::tsdb
