// /query_exemplars
#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "api/result_json.h"
#include "base/float_text.h"
#include "promql/parser.h"
#include "tsdb/exemplar_store.h"

namespace slurmscope::api {
namespace {

using MatcherSets = std::vector<std::vector<model::Matcher>>;

// The matchers of all selectors in the expression; the parser has bounded its height.
void CollectSelectors(const promql::Expr* expr, MatcherSets* sets) {
  using promql::NodeKind;
  if (expr == nullptr) return;
  switch (expr->kind()) {
    case NodeKind::kVectorSelector:
      sets->push_back(static_cast<const promql::VectorSelector*>(expr)->matchers);
      break;
    case NodeKind::kMatrixSelector:
      sets->push_back(static_cast<const promql::MatrixSelector*>(expr)->selector->matchers);
      break;
    case NodeKind::kSubquery:
      return CollectSelectors(static_cast<const promql::SubqueryExpr*>(expr)->expr.get(), sets);
    case NodeKind::kCall:
      for (const auto& arg : static_cast<const promql::Call*>(expr)->args) {
        CollectSelectors(arg.get(), sets);
      }
      break;
    case NodeKind::kAggregate:
      CollectSelectors(static_cast<const promql::AggregateExpr*>(expr)->expr.get(), sets);
      return CollectSelectors(static_cast<const promql::AggregateExpr*>(expr)->param.get(), sets);
    case NodeKind::kBinary:
      CollectSelectors(static_cast<const promql::BinaryExpr*>(expr)->lhs.get(), sets);
      return CollectSelectors(static_cast<const promql::BinaryExpr*>(expr)->rhs.get(), sets);
    case NodeKind::kUnary:
      return CollectSelectors(static_cast<const promql::UnaryExpr*>(expr)->expr.get(), sets);
    case NodeKind::kParen:
      return CollectSelectors(static_cast<const promql::ParenExpr*>(expr)->expr.get(), sets);
    default:
      break;
  }
}

void WriteExemplar(base::JsonWriter& json, const model::Exemplar& exemplar) {
  json.BeginObject().Key("labels");
  WriteLabels(json, exemplar.labels);
  json.Field("value", base::FormatFloat(exemplar.value, base::FloatStyle::kApi));
  std::string seconds;
  AppendTimestamp(seconds, exemplar.t);
  json.Key("timestamp").Raw(seconds).EndObject();
}

void WriteSeries(base::JsonWriter& json, const tsdb::SeriesExemplars& series) {
  json.BeginObject().Key("seriesLabels");
  WriteLabels(json, series.labels);
  json.Key("exemplars").BeginArray();
  for (const model::Exemplar& exemplar : series.exemplars) WriteExemplar(json, exemplar);
  json.EndArray().EndObject();
}

}  // namespace

http::Response Api::QueryExemplars(const http::Request& request) const {
  auto start = TimeParam(request, "start", kMinTimeMs);
  if (!start) return ErrorResponse(start.error());
  auto end = TimeParam(request, "end", kMaxTimeMs);
  if (!end) return ErrorResponse(end.error());
  if (*end < *start) {
    return ErrorResponse(ErrorType::kBadData, "end timestamp must not be before start timestamp");
  }
  auto expr = promql::ParseExpr(request.Param("query"), deps_.engine.options().parser);
  if (!expr) return ErrorResponse(ErrorType::kBadData, expr.error().message());
  MatcherSets sets;
  CollectSelectors(expr->get(), &sets);
  std::vector<tsdb::SeriesExemplars> found;
  if (const tsdb::ExemplarStore* store = deps_.db.exemplars()) {
    found = store->Select(*start, *end, sets);
  }
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginArray();
    for (const tsdb::SeriesExemplars& series : found) WriteSeries(json, series);
    json.EndArray();
  });
}

}  // namespace slurmscope::api
