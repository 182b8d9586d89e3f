#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/protobuf.h"
#include "remote/otlp_message.h"

namespace slurmscope::remote {

// Appends an opentelemetry.proto.common.v1.KeyValue, its value as text. An error when values are
// nested too deep. To be called inside base::DecodeProtobuf.
Result<void> ReadOtlpAttribute(base::ProtoReader key_value, OtlpAttributes* out);

std::string EncodeBase64(std::string_view bytes);
// nullopt when it is none; without padding, too.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace slurmscope::remote
