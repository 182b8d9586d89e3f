#pragma once

#include <string>

#include "query_answer.h"

namespace slurmscope::app {

// `promql` and `json` are promtool's, byte for byte.
enum class QueryFormat { kPromql, kJson, kTable, kCsv, kGraph };

// All end with a newline.
std::string PrintAnswer(const QueryAnswer& answer, QueryFormat format);
// Label sets, and values of a label. kTable and kGraph print as kPromql.
std::string PrintSeriesList(const std::vector<AnswerLabels>& series, QueryFormat format);
std::string PrintValues(const std::vector<std::string>& values, QueryFormat format);

// A line for each series of a matrix, drawn with characters whose height is the value; gaps are
// blank. query_graph.cc
std::string PrintGraph(const QueryAnswer& answer, bool utf8);

// up{job="x"}; {} without labels.
std::string MetricText(const AnswerLabels& labels);

}  // namespace slurmscope::app
