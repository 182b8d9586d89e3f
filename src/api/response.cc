#include "api/response.h"

#include "base/strings.h"

namespace slurmscope::api {
namespace {

constexpr size_t kMaxAnnotations = 10;

struct ErrorForm {
  std::string_view name;
  int status;
};

ErrorForm FormOf(ErrorType type) {
  switch (type) {
    case ErrorType::kBadData:
      return {"bad_data", 400};
    case ErrorType::kExecution:
      return {"execution", 422};
    case ErrorType::kCanceled:
      return {"canceled", 499};
    case ErrorType::kTimeout:
      return {"timeout", 503};
    case ErrorType::kInternal:
      return {"internal", 500};
    case ErrorType::kUnavailable:
      return {"unavailable", 503};
    case ErrorType::kNotFound:
      return {"not_found", 404};
  }
  return {"internal", 500};
}

ErrorType TypeOf(base::ErrorCode code) {
  switch (code) {
    case base::ErrorCode::kInvalidArgument:
      return ErrorType::kBadData;
    case base::ErrorCode::kTimeout:
      return ErrorType::kTimeout;
    case base::ErrorCode::kCanceled:
      return ErrorType::kCanceled;
    case base::ErrorCode::kUnavailable:
      return ErrorType::kUnavailable;
    case base::ErrorCode::kNotFound:
      return ErrorType::kNotFound;
    case base::ErrorCode::kResourceExhausted:
    case base::ErrorCode::kOutOfRange:
      return ErrorType::kExecution;
    default:
      return ErrorType::kInternal;
  }
}

}  // namespace

http::Response ErrorResponse(ErrorType type, std::string_view message) {
  ErrorForm form = FormOf(type);
  std::string body;
  base::JsonWriter json(body);
  json.BeginObject()
      .Field("status", "error")
      .Field("errorType", form.name)
      .Field("error", message)
      .EndObject();
  return http::Response::Json(form.status, std::move(body));
}

http::Response BadParameter(std::string_view name, std::string_view message) {
  return ErrorResponse(ErrorType::kBadData,
                       base::StrCat("invalid parameter ", base::Quote(name), ": ", message));
}

http::Response ErrorResponse(const base::Error& error) {
  return ErrorResponse(TypeOf(error.code()), error.message());
}

void AppendAnnotations(std::string& out, std::string_view key,
                       const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  base::StrAppend(out, ",\"", key, "\":");
  base::JsonWriter json(out);
  json.BeginArray();
  for (size_t i = 0; i < texts.size() && i < kMaxAnnotations; ++i) json.String(texts[i]);
  if (texts.size() > kMaxAnnotations) {
    json.String(base::StrCat(texts.size() - kMaxAnnotations, " more ", key, " omitted"));
  }
  json.EndArray();
}

http::Response SuccessResponse(const std::function<void(base::JsonWriter&)>& write,
                               const std::vector<std::string>& warnings,
                               const std::vector<std::string>& infos) {
  std::string body;
  base::JsonWriter json(body);
  json.BeginObject().Field("status", "success").Key("data");
  write(json);
  AppendAnnotations(body, "warnings", warnings);
  AppendAnnotations(body, "infos", infos);
  json.EndObject();
  return http::Response::Json(200, std::move(body));
}

void WriteLabels(base::JsonWriter& json, const model::Labels& labels) {
  json.BeginObject();
  for (model::Label label : labels) json.Field(label.name, label.value);
  json.EndObject();
}

}  // namespace slurmscope::api
