#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"
#include "http/server.h"
#include "model/labels.h"

namespace slurmscope::api {

// The errorType of an answer; each has its status code.
enum class ErrorType {
  kBadData,
  kExecution,
  kCanceled,
  kTimeout,
  kInternal,
  kUnavailable,
  kNotFound
};

// {"status":"error","errorType":...,"error":...}
http::Response ErrorResponse(ErrorType type, std::string_view message);

// invalid parameter "NAME": message
http::Response BadParameter(std::string_view name, std::string_view message);

// For an error of engine or storage, by its code.
http::Response ErrorResponse(const base::Error& error);

// {"status":"success","data":...,"warnings":[...],"infos":[...]}; `write` writes the data. The last
// two only when there are any, at most ten each.
http::Response SuccessResponse(const std::function<void(base::JsonWriter&)>& write,
                               const std::vector<std::string>& warnings = {},
                               const std::vector<std::string>& infos = {});

// Appends `,"warnings":[...]`, at most ten of them; nothing when there are none.
void AppendAnnotations(std::string& out, std::string_view key,
                       const std::vector<std::string>& texts);

// Appends {"name":"value",...}.
void WriteLabels(base::JsonWriter& json, const model::Labels& labels);

}  // namespace slurmscope::api
