#include "api/ast_json.h"

#include "base/float_text.h"
#include "promql/functions.h"

namespace slurmscope::api {
namespace {

using base::JsonWriter;
using promql::NodeKind;
using promql::ValueType;

std::string_view TypeName(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    case ValueType::kString:
      break;
  }
  return "string";
}

std::string_view CardName(promql::Cardinality card) {
  switch (card) {
    case promql::Cardinality::kOneToOne:
      return "one-to-one";
    case promql::Cardinality::kManyToOne:
      return "many-to-one";
    case promql::Cardinality::kOneToMany:
      return "one-to-many";
    case promql::Cardinality::kManyToMany:
      break;
  }
  return "many-to-many";
}

void WriteStrings(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.Key(key).BeginArray();
  for (const std::string& text : texts) json.String(text);
  json.EndArray();
}

void WriteNumberOrNull(JsonWriter& json, std::string_view key, std::optional<double> value) {
  json.Key(key);
  if (value) {
    json.Double(*value);
  } else {
    json.Null();
  }
}

void WriteStartOrEnd(JsonWriter& json, const promql::TimeModifiers& time) {
  json.Key("startOrEnd");
  if (time.at == promql::AtModifier::kStart) {
    json.String("start");
  } else if (time.at == promql::AtModifier::kEnd) {
    json.String("end");
  } else {
    json.Null();
  }
}

void WriteTimestamp(JsonWriter& json, const promql::TimeModifiers& time) {
  json.Key("timestamp");
  if (time.at == promql::AtModifier::kTimestamp) {
    json.Int(time.at_ms);
  } else {
    json.Null();
  }
}

void WriteMatchers(JsonWriter& json, const std::vector<model::Matcher>& matchers) {
  json.Key("matchers").BeginArray();
  for (const model::Matcher& matcher : matchers) {
    json.BeginObject()
        .Field("name", matcher.name())
        .Field("type", model::ToString(matcher.type()))
        .Field("value", matcher.value())
        .EndObject();
  }
  json.EndArray();
}

// `range` is null for an instant selector.
void WriteSelector(JsonWriter& json, const promql::VectorSelector& node,
                   const promql::DurationValue* range) {
  json.BeginObject().Field("anchored", node.anchored);
  WriteMatchers(json, node.matchers);
  json.Field("name", node.name).Field("offset", node.time.offset.ms);
  if (range != nullptr) json.Field("range", range->ms);
  json.Field("smoothed", node.smoothed);
  WriteStartOrEnd(json, node.time);
  WriteTimestamp(json, node.time);
  json.Field("type", range != nullptr ? "matrixSelector" : "vectorSelector").EndObject();
}

void WriteSubquery(JsonWriter& json, const promql::SubqueryExpr& node) {
  json.BeginObject().Key("expr");
  WriteAst(json, *node.expr);
  json.Field("offset", node.time.offset.ms).Field("range", node.range.ms);
  WriteStartOrEnd(json, node.time);
  json.Field("step", node.step.ms);
  WriteTimestamp(json, node.time);
  json.Field("type", "subquery").EndObject();
}

void WriteCall(JsonWriter& json, const promql::Call& node) {
  json.BeginObject().Key("args").BeginArray();
  for (const auto& arg : node.args) WriteAst(json, *arg);
  json.EndArray().Key("func").BeginObject().Key("argTypes").BeginArray();
  for (ValueType type : node.function->args) json.String(TypeName(type));
  json.EndArray()
      .Field("name", node.function->name)
      .Field("returnType", TypeName(node.function->returns))
      .Field("variadic", node.function->variadic)
      .EndObject()
      .Field("type", "call")
      .EndObject();
}

void WriteAggregate(JsonWriter& json, const promql::AggregateExpr& node) {
  json.BeginObject().Key("expr");
  WriteAst(json, *node.expr);
  WriteStrings(json, "grouping", node.grouping);
  json.Field("op", promql::ToString(node.op)).Key("param");
  if (node.param) {
    WriteAst(json, *node.param);
  } else {
    json.Null();
  }
  json.Field("type", "aggregation").Field("without", node.without).EndObject();
}

void WriteMatching(JsonWriter& json, const promql::VectorMatching& matching) {
  json.BeginObject().Field("card", CardName(matching.card)).Key("fillValues").BeginObject();
  WriteNumberOrNull(json, "lhs", matching.fill_left);
  WriteNumberOrNull(json, "rhs", matching.fill_right);
  json.EndObject();
  WriteStrings(json, "include", matching.include);
  WriteStrings(json, "labels", matching.labels);
  json.Field("on", matching.on).EndObject();
}

void WriteBinary(JsonWriter& json, const promql::BinaryExpr& node) {
  json.BeginObject().Field("bool", node.return_bool).Key("lhs");
  WriteAst(json, *node.lhs);
  json.Key("matching");
  if (node.matching) {
    WriteMatching(json, *node.matching);
  } else {
    json.Null();
  }
  json.Field("op", promql::ToString(node.op)).Key("rhs");
  WriteAst(json, *node.rhs);
  json.Field("type", "binaryExpr").EndObject();
}

void WriteWrapped(JsonWriter& json, std::string_view type, const promql::Expr& inner,
                  std::string_view op) {
  json.BeginObject().Key("expr");
  WriteAst(json, inner);
  if (!op.empty()) json.Field("op", op);
  json.Field("type", type).EndObject();
}

void WriteLiteral(JsonWriter& json, std::string_view type, std::string_view value) {
  json.BeginObject().Field("type", type).Field("val", value).EndObject();
}

}  // namespace

void WriteAst(JsonWriter& json, const promql::Expr& expr) {
  switch (expr.kind()) {
    case NodeKind::kNumber:
      return WriteLiteral(json, "numberLiteral",
                          base::FormatFloat(static_cast<const promql::NumberLiteral&>(expr).value,
                                            base::FloatStyle::kFixed));
    case NodeKind::kString:
      return WriteLiteral(json, "stringLiteral",
                          static_cast<const promql::StringLiteral&>(expr).value);
    case NodeKind::kVectorSelector:
      return WriteSelector(json, static_cast<const promql::VectorSelector&>(expr), nullptr);
    case NodeKind::kMatrixSelector: {
      const auto& matrix = static_cast<const promql::MatrixSelector&>(expr);
      return WriteSelector(json, *matrix.selector, &matrix.range);
    }
    case NodeKind::kSubquery:
      return WriteSubquery(json, static_cast<const promql::SubqueryExpr&>(expr));
    case NodeKind::kCall:
      return WriteCall(json, static_cast<const promql::Call&>(expr));
    case NodeKind::kAggregate:
      return WriteAggregate(json, static_cast<const promql::AggregateExpr&>(expr));
    case NodeKind::kBinary:
      return WriteBinary(json, static_cast<const promql::BinaryExpr&>(expr));
    case NodeKind::kUnary: {
      const auto& unary = static_cast<const promql::UnaryExpr&>(expr);
      return WriteWrapped(json, "unaryExpr", *unary.expr, unary.negative ? "-" : "+");
    }
    case NodeKind::kParen:
      return WriteWrapped(json, "parenExpr", *static_cast<const promql::ParenExpr&>(expr).expr, "");
    case NodeKind::kDuration:
      break;  // never an expression of its own
  }
  json.Null();
}

}  // namespace slurmscope::api
