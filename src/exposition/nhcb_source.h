#pragma once

#include <string_view>

#include "exposition/item_reader.h"

namespace slurmscope::exposition {

// The items of a page in which histograms made of buckets (name_bucket, name_sum, name_count) have
// become native ones with custom buckets, named as their family; with `keep_classic` they are there
// too. What is no histogram by its TYPE line stays as it is, and so does one that has a native form
// already. A histogram whose buckets do not fit together is left out.
// https://prometheus.io/docs/specs/native_histograms/
ItemReader::Source NhcbOfText(std::string_view body, bool keep_classic);
ItemReader::Source NhcbOfOpenMetrics(std::string_view body, bool keep_classic);
ItemReader::Source NhcbOfItems(ItemReader::Source items, bool keep_classic);

}  // namespace slurmscope::exposition
