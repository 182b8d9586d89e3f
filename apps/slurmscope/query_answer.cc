#include "query_answer.h"

#include <algorithm>
#include <cmath>

#include "base/float_text.h"
#include "base/strings.h"
#include "config/yaml.h"

namespace slurmscope::app {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;
using config::Node;

constexpr const char* kWhere = "answer";

tl::unexpected<base::Error> Odd(std::string_view what) {
  return Fail(ErrorCode::kCorruption, StrCat("the server's answer is not as expected: ", what,
                                             "; is it a server with Prometheus' API?"));
}

Result<const Node*> Need(const Node& node, std::string_view key, Node::Kind kind) {
  const Node* found = node.Find(key);
  if (found == nullptr || found->kind != kind) return Odd(StrCat("there is no ", key));
  return found;
}

Result<double> Number(const Node& node) {
  auto value = base::ParseFloat(node.scalar);
  if (node.kind != Node::Kind::kScalar || !value) return Odd("a number is missing");
  return *value;
}

Result<int64_t> TimeOf(const Node& node) {
  double seconds = TRY(Number(node));
  if (!(std::fabs(seconds) < 9e15)) return Odd("a time is out of range");
  return std::llround(seconds * 1000);
}

std::vector<std::string> Texts(const Node* list) {
  std::vector<std::string> texts;
  if (list == nullptr) return texts;
  for (const Node& item : list->items) texts.push_back(item.scalar);
  return texts;
}

// The data of an answer that tells of success; `root` is kept by the caller.
Result<const Node*> DataOf(const Node& root) {
  const Node* status = root.Find("status");
  if (status == nullptr) return Odd("there is no status");
  if (status->scalar == "error") {
    const Node* type = root.Find("errorType");
    const Node* error = root.Find("error");
    return Fail(ErrorCode::kInvalidArgument, StrCat(type == nullptr ? "error" : type->scalar, ": ",
                                                    error == nullptr ? "" : error->scalar));
  }
  const Node* data = root.Find("data");
  if (data == nullptr) return Odd("there is no data");
  return data;
}

Result<AnswerLabels> Labels(const Node& node) {
  if (node.kind != Node::Kind::kMapping) return Odd("labels are missing");
  AnswerLabels labels;
  for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
    labels.emplace_back(node.items[i].scalar, node.items[i + 1].scalar);
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

Result<AnswerHistogram> Histogram(const Node& node) {
  AnswerHistogram histogram;
  const Node* count = TRY(Need(node, "count", Node::Kind::kScalar));
  const Node* sum = TRY(Need(node, "sum", Node::Kind::kScalar));
  histogram.count = TRY(Number(*count));
  histogram.sum = TRY(Number(*sum));
  const Node* buckets = node.Find("buckets");
  if (buckets == nullptr) return histogram;
  for (const Node& item : buckets->items) {
    if (item.items.size() != 4) return Odd("a bucket has not four parts");
    AnswerBucket bucket;
    bucket.boundaries = static_cast<int>(std::clamp(TRY(Number(item.items[0])), 0.0, 3.0));
    bucket.lower = TRY(Number(item.items[1]));
    bucket.upper = TRY(Number(item.items[2]));
    bucket.count = TRY(Number(item.items[3]));
    histogram.buckets.push_back(bucket);
  }
  return histogram;
}

Result<AnswerPoint> Point(const Node& pair, bool histogram) {
  if (pair.items.size() != 2) return Odd("a sample is no pair");
  AnswerPoint point;
  point.t = TRY(TimeOf(pair.items[0]));
  if (histogram) {
    point.histogram = TRY(Histogram(pair.items[1]));
  } else {
    point.v = TRY(Number(pair.items[1]));
  }
  return point;
}

Result<AnswerSeries> Series(const Node& node) {
  AnswerSeries series;
  const Node* metric = TRY(Need(node, "metric", Node::Kind::kMapping));
  series.labels = TRY(Labels(*metric));
  for (bool histogram : {false, true}) {
    if (const Node* one = node.Find(histogram ? "histogram" : "value")) {
      series.points.push_back(TRY(Point(*one, histogram)));
    }
    const Node* many = node.Find(histogram ? "histograms" : "values");
    if (many == nullptr) continue;
    series.points.reserve(series.points.size() + many->items.size());
    for (const Node& pair : many->items) series.points.push_back(TRY(Point(pair, histogram)));
  }
  return series;
}

}  // namespace

Result<QueryAnswer> ParseQueryAnswer(const std::string& body) {
  const Node root = TRY(config::ParseJson(body, kWhere));
  const Node& data = *TRY(DataOf(root));
  const std::string& type = TRY(Need(data, "resultType", Node::Kind::kScalar))->scalar;
  const Node& result = *TRY(Need(data, "result", Node::Kind::kList));
  QueryAnswer answer;
  answer.warnings = Texts(root.Find("warnings"));
  if (type == "scalar" || type == "string") {
    answer.type = type == "scalar" ? QueryAnswer::Type::kScalar : QueryAnswer::Type::kString;
    AnswerSeries& series = answer.series.emplace_back();
    if (type == "scalar") {
      series.points.push_back(TRY(Point(result, false)));
      return answer;
    }
    if (result.items.size() != 2) return Odd("a string has no time");
    series.points.push_back({TRY(TimeOf(result.items[0]))});
    answer.text = result.items[1].scalar;
    return answer;
  }
  if (type != "vector" && type != "matrix") return Odd(StrCat("a result of type ", type));
  answer.type = type == "vector" ? QueryAnswer::Type::kVector : QueryAnswer::Type::kMatrix;
  for (const Node& item : result.items) answer.series.push_back(TRY(Series(item)));
  return answer;
}

Result<ListAnswer> ParseSeriesAnswer(const std::string& body) {
  const Node root = TRY(config::ParseJson(body, kWhere));
  ListAnswer answer;
  for (const Node& item : TRY(DataOf(root))->items) answer.series.push_back(TRY(Labels(item)));
  answer.warnings = Texts(root.Find("warnings"));
  return answer;
}

Result<ListAnswer> ParseValuesAnswer(const std::string& body) {
  const Node root = TRY(config::ParseJson(body, kWhere));
  ListAnswer answer;
  answer.values = Texts(TRY(DataOf(root)));
  answer.warnings = Texts(root.Find("warnings"));
  return answer;
}

}  // namespace slurmscope::app
