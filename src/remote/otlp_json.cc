// JSON as protobuf's JSON mapping and OTLP's exceptions to it write it: 64-bit integers as text,
// enumerations as numbers, trace and span ids as hexadecimal digits.
#include <array>
#include <optional>

#include "base/float_text.h"
#include "base/protobuf.h"
#include "base/strings.h"
#include "config/yaml.h"
#include "remote/otlp_message.h"
#include "remote/otlp_value.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::ProtoWriter;
using base::StrCat;
using config::Node;

enum class Type {
  kString,
  kBool,
  kInt64,
  kUint32,
  kSint32,
  kFixed64,
  kSfixed64,
  kDouble,
  kHex,
  kBase64,
  kTemporality,
  kMessage,
  kMessages,  // repeated
  kFixed64s,
  kUint64s,
  kDoubles,
};

struct Field {
  std::string_view name;
  uint32_t tag;
  Type type;
  const struct Message* message = nullptr;
};
struct Message {
  const Field* fields;
  size_t count;
};
template <size_t n>
constexpr Message Of(const std::array<Field, n>& fields) {
  return {fields.data(), n};
}

extern const Message kAnyValue;
extern const Message kKeyValue;

constexpr std::array<Field, 1> kArrayFields = {{{"values", 1, Type::kMessages, &kAnyValue}}};
constexpr Message kArray = Of(kArrayFields);
constexpr std::array<Field, 1> kMapFields = {{{"values", 1, Type::kMessages, &kKeyValue}}};
constexpr Message kMap = Of(kMapFields);
constexpr std::array<Field, 7> kAnyValueFields = {{{"stringValue", 1, Type::kString},
                                                   {"boolValue", 2, Type::kBool},
                                                   {"intValue", 3, Type::kInt64},
                                                   {"doubleValue", 4, Type::kDouble},
                                                   {"arrayValue", 5, Type::kMessage, &kArray},
                                                   {"kvlistValue", 6, Type::kMessage, &kMap},
                                                   {"bytesValue", 7, Type::kBase64}}};
const Message kAnyValue = Of(kAnyValueFields);
constexpr std::array<Field, 2> kKeyValueFields = {
    {{"key", 1, Type::kString}, {"value", 2, Type::kMessage, &kAnyValue}}};
const Message kKeyValue = Of(kKeyValueFields);

constexpr std::array<Field, 6> kExemplarFields = {
    {{"timeUnixNano", 2, Type::kFixed64},
     {"asDouble", 3, Type::kDouble},
     {"spanId", 4, Type::kHex},
     {"traceId", 5, Type::kHex},
     {"asInt", 6, Type::kSfixed64},
     {"filteredAttributes", 7, Type::kMessages, &kKeyValue}}};
constexpr Message kExemplar = Of(kExemplarFields);
constexpr std::array<Field, 7> kNumberFields = {{{"startTimeUnixNano", 2, Type::kFixed64},
                                                 {"timeUnixNano", 3, Type::kFixed64},
                                                 {"asDouble", 4, Type::kDouble},
                                                 {"exemplars", 5, Type::kMessages, &kExemplar},
                                                 {"asInt", 6, Type::kSfixed64},
                                                 {"attributes", 7, Type::kMessages, &kKeyValue},
                                                 {"flags", 8, Type::kUint32}}};
constexpr Message kNumber = Of(kNumberFields);
constexpr std::array<Field, 9> kHistogramPointFields = {
    {{"startTimeUnixNano", 2, Type::kFixed64},
     {"timeUnixNano", 3, Type::kFixed64},
     {"count", 4, Type::kFixed64},
     {"sum", 5, Type::kDouble},
     {"bucketCounts", 6, Type::kFixed64s},
     {"explicitBounds", 7, Type::kDoubles},
     {"exemplars", 8, Type::kMessages, &kExemplar},
     {"attributes", 9, Type::kMessages, &kKeyValue},
     {"flags", 10, Type::kUint32}}};
constexpr Message kHistogramPoint = Of(kHistogramPointFields);
constexpr std::array<Field, 2> kBucketsFields = {
    {{"offset", 1, Type::kSint32}, {"bucketCounts", 2, Type::kUint64s}}};
constexpr Message kBuckets = Of(kBucketsFields);
constexpr std::array<Field, 12> kExponentialPointFields = {
    {{"attributes", 1, Type::kMessages, &kKeyValue},
     {"startTimeUnixNano", 2, Type::kFixed64},
     {"timeUnixNano", 3, Type::kFixed64},
     {"count", 4, Type::kFixed64},
     {"sum", 5, Type::kDouble},
     {"scale", 6, Type::kSint32},
     {"zeroCount", 7, Type::kFixed64},
     {"positive", 8, Type::kMessage, &kBuckets},
     {"negative", 9, Type::kMessage, &kBuckets},
     {"flags", 10, Type::kUint32},
     {"exemplars", 11, Type::kMessages, &kExemplar},
     {"zeroThreshold", 14, Type::kDouble}}};
constexpr Message kExponentialPoint = Of(kExponentialPointFields);
constexpr std::array<Field, 2> kQuantileFields = {
    {{"quantile", 1, Type::kDouble}, {"value", 2, Type::kDouble}}};
constexpr Message kQuantile = Of(kQuantileFields);
constexpr std::array<Field, 7> kSummaryPointFields = {
    {{"startTimeUnixNano", 2, Type::kFixed64},
     {"timeUnixNano", 3, Type::kFixed64},
     {"count", 4, Type::kFixed64},
     {"sum", 5, Type::kDouble},
     {"quantileValues", 6, Type::kMessages, &kQuantile},
     {"attributes", 7, Type::kMessages, &kKeyValue},
     {"flags", 8, Type::kUint32}}};
constexpr Message kSummaryPoint = Of(kSummaryPointFields);

constexpr std::array<Field, 1> kGaugeFields = {{{"dataPoints", 1, Type::kMessages, &kNumber}}};
constexpr Message kGauge = Of(kGaugeFields);
constexpr std::array<Field, 3> kSumFields = {{{"dataPoints", 1, Type::kMessages, &kNumber},
                                              {"aggregationTemporality", 2, Type::kTemporality},
                                              {"isMonotonic", 3, Type::kBool}}};
constexpr Message kSum = Of(kSumFields);
constexpr std::array<Field, 2> kHistogramFields = {
    {{"dataPoints", 1, Type::kMessages, &kHistogramPoint},
     {"aggregationTemporality", 2, Type::kTemporality}}};
constexpr Message kHistogram = Of(kHistogramFields);
constexpr std::array<Field, 2> kExponentialFields = {
    {{"dataPoints", 1, Type::kMessages, &kExponentialPoint},
     {"aggregationTemporality", 2, Type::kTemporality}}};
constexpr Message kExponential = Of(kExponentialFields);
constexpr std::array<Field, 1> kSummaryFields = {
    {{"dataPoints", 1, Type::kMessages, &kSummaryPoint}}};
constexpr Message kSummary = Of(kSummaryFields);
constexpr std::array<Field, 8> kMetricFields = {
    {{"name", 1, Type::kString},
     {"description", 2, Type::kString},
     {"unit", 3, Type::kString},
     {"gauge", 5, Type::kMessage, &kGauge},
     {"sum", 7, Type::kMessage, &kSum},
     {"histogram", 9, Type::kMessage, &kHistogram},
     {"exponentialHistogram", 10, Type::kMessage, &kExponential},
     {"summary", 11, Type::kMessage, &kSummary}}};
constexpr Message kMetric = Of(kMetricFields);
constexpr std::array<Field, 3> kScopeFields = {{{"name", 1, Type::kString},
                                                {"version", 2, Type::kString},
                                                {"attributes", 3, Type::kMessages, &kKeyValue}}};
constexpr Message kScope = Of(kScopeFields);
constexpr std::array<Field, 3> kScopeMetricsFields = {{{"scope", 1, Type::kMessage, &kScope},
                                                       {"metrics", 2, Type::kMessages, &kMetric},
                                                       {"schemaUrl", 3, Type::kString}}};
constexpr Message kScopeMetrics = Of(kScopeMetricsFields);
constexpr std::array<Field, 1> kResourceFields = {{{"attributes", 1, Type::kMessages, &kKeyValue}}};
constexpr Message kResource = Of(kResourceFields);
constexpr std::array<Field, 2> kResourceMetricsFields = {
    {{"resource", 1, Type::kMessage, &kResource},
     {"scopeMetrics", 2, Type::kMessages, &kScopeMetrics}}};
constexpr Message kResourceMetrics = Of(kResourceMetricsFields);
constexpr std::array<Field, 1> kRequestFields = {
    {{"resourceMetrics", 1, Type::kMessages, &kResourceMetrics}}};
constexpr Message kRequest = Of(kRequestFields);

tl::unexpected<base::Error> Wrong(const Field& field, std::string_view wanted) {
  return Fail(ErrorCode::kInvalidArgument, StrCat(field.name, ": not ", wanted));
}

template <typename T>
Result<T> Integer(const Field& field, const Node& node) {
  auto value = base::ParseInt<T>(node.scalar);
  if (node.kind != Node::Kind::kScalar || !value) return Wrong(field, "an integer in its range");
  return *value;
}

Result<double> Float(const Field& field, const Node& node) {
  auto value = base::ParseFloat(node.scalar);
  if (node.kind != Node::Kind::kScalar || !value) return Wrong(field, "a number");
  return *value;
}

Result<std::string> Bytes(const Field& field, const Node& node) {
  if (node.kind != Node::Kind::kScalar) return Wrong(field, "a text");
  if (field.type == Type::kBase64) {
    auto bytes = DecodeBase64(node.scalar);
    if (!bytes) return Wrong(field, "base64");
    return *bytes;
  }
  std::string out;
  for (size_t i = 0; i < node.scalar.size(); i += 2) {
    auto byte = base::ParseInt<uint8_t>(std::string_view(node.scalar).substr(i, 2), 16);
    if (!byte) return Wrong(field, "hexadecimal digits");
    out += static_cast<char>(*byte);
  }
  return out;
}

Result<int32_t> Temporality(const Field& field, const Node& node) {
  if (node.scalar == "AGGREGATION_TEMPORALITY_DELTA") return 1;
  if (node.scalar == "AGGREGATION_TEMPORALITY_CUMULATIVE") return 2;
  if (node.scalar == "AGGREGATION_TEMPORALITY_UNSPECIFIED") return 0;
  return Integer<int32_t>(field, node);
}

Result<void> Write(const Message& message, const Node& node, ProtoWriter* out);

Result<void> WriteScalar(const Field& field, const Node& node, ProtoWriter* out) {
  switch (field.type) {
    case Type::kString:
      if (node.kind != Node::Kind::kScalar) return Wrong(field, "a text");
      out->add_string(field.tag, node.scalar);
      return {};
    case Type::kBool:
      if (node.scalar != "true" && node.scalar != "false") return Wrong(field, "true or false");
      out->add_bool(field.tag, node.scalar == "true");
      return {};
    case Type::kInt64:
      out->add_int64(field.tag, TRY(Integer<int64_t>(field, node)));
      return {};
    case Type::kUint32:
      out->add_uint32(field.tag, TRY(Integer<uint32_t>(field, node)));
      return {};
    case Type::kSint32:
      out->add_sint32(field.tag, TRY(Integer<int32_t>(field, node)));
      return {};
    case Type::kFixed64:
      out->add_fixed64(field.tag, TRY(Integer<uint64_t>(field, node)));
      return {};
    case Type::kSfixed64:
      out->add_sfixed64(field.tag, TRY(Integer<int64_t>(field, node)));
      return {};
    case Type::kDouble:
      out->add_double(field.tag, TRY(Float(field, node)));
      return {};
    case Type::kTemporality:
      out->add_enum(field.tag, TRY(Temporality(field, node)));
      return {};
    default:
      out->add_bytes(field.tag, TRY(Bytes(field, node)));
      return {};
  }
}

Result<void> WriteMessage(const Field& field, const Node& node, ProtoWriter* out) {
  ProtoWriter message(*out, field.tag);
  return Write(*field.message, node, &message);
}

Result<void> WriteList(const Field& field, const Node& node, ProtoWriter* out) {
  if (node.kind != Node::Kind::kList) return Wrong(field, "a list");
  std::vector<uint64_t> numbers;
  std::vector<double> floats;
  for (const Node& item : node.items) {
    if (field.type == Type::kMessages) {
      TRY(WriteMessage(field, item, out));
    } else if (field.type == Type::kDoubles) {
      floats.push_back(TRY(Float(field, item)));
    } else {
      numbers.push_back(TRY(Integer<uint64_t>(field, item)));
    }
  }
  if (field.type == Type::kDoubles) out->add_packed_double(field.tag, floats.begin(), floats.end());
  if (field.type == Type::kFixed64s)
    out->add_packed_fixed64(field.tag, numbers.begin(), numbers.end());
  if (field.type == Type::kUint64s)
    out->add_packed_uint64(field.tag, numbers.begin(), numbers.end());
  return {};
}

Result<void> Write(const Message& message, const Node& node, ProtoWriter* out) {
  if (node.kind != Node::Kind::kMapping)
    return Fail(ErrorCode::kInvalidArgument, "a value that should be an object is none");
  for (size_t i = 0; i < message.count; ++i) {
    const Field& field = message.fields[i];
    const Node* value = node.Find(field.name);
    if (value == nullptr || value->kind == Node::Kind::kNull) continue;
    if (field.type == Type::kMessage) {
      TRY(WriteMessage(field, *value, out));
    } else if (field.type >= Type::kMessages) {
      TRY(WriteList(field, *value, out));
    } else {
      TRY(WriteScalar(field, *value, out));
    }
  }
  return {};
}

}  // namespace

Result<std::string> OtlpJsonToProtobuf(std::string_view text) {
  Node root = TRY(config::ParseJson(text, "request"));
  std::string out;
  ProtoWriter request(out);
  TRY(Write(kRequest, root, &request));
  return out;
}

}  // namespace slurmscope::remote
