#include "remote/otlp_value.h"

#include <algorithm>
#include <cmath>

#include "base/float_text.h"
#include "base/json_writer.h"
#include "base/strings.h"

namespace slurmscope::remote {
namespace {

using base::ProtoReader;

constexpr int kMaxDepth = 16;
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Result<void> WriteJson(ProtoReader value, int depth, base::JsonWriter& json);

Result<void> TooMany() {
  return base::Fail(base::ErrorCode::kInvalidArgument,
                    base::StrCat("over ", kMaxOtlpItems, " attributes"));
}

Result<void> WriteArray(ProtoReader array, int depth, base::JsonWriter& json) {
  json.BeginArray();
  while (array.next(1)) TRY(WriteJson(array.get_message(), depth, json));
  json.EndArray();
  return {};
}

// By the order of their keys, as Go writes a map.
Result<void> WriteMap(ProtoReader list, int depth, base::JsonWriter& json) {
  std::vector<std::pair<std::string, ProtoReader>> entries;
  while (list.next(1)) {
    ProtoReader entry = list.get_message();
    std::pair<std::string, ProtoReader> pair;
    while (entry.next()) {
      if (entry.tag() == 1) {
        pair.first = entry.get_string();
      } else if (entry.tag() == 2) {
        pair.second = entry.get_message();
      } else {
        entry.skip();
      }
    }
    entries.push_back(std::move(pair));
    if (entries.size() > kMaxOtlpItems) return TooMany();
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  json.BeginObject();
  for (auto& [key, value] : entries) {
    json.Key(key);
    TRY(WriteJson(value, depth, json));
  }
  json.EndObject();
  return {};
}

Result<void> TooDeep() {
  return base::Fail(base::ErrorCode::kInvalidArgument, "an attribute that is nested too deep");
}

Result<void> WriteJson(ProtoReader value, int depth, base::JsonWriter& json) {
  if (depth > kMaxDepth) return TooDeep();
  // The last of several counts, as everywhere in protobuf.
  std::string number = "null";
  while (value.next()) {
    switch (value.tag()) {
      case 1:
        json.String(value.get_string());
        return {};
      case 2:
        number = value.get_bool() ? "true" : "false";
        break;
      case 3:
        number = base::StrCat(value.get_int64());
        break;
      case 4: {
        double v = value.get_double();
        number = std::isfinite(v) ? base::FormatFloat(v, base::FloatStyle::kApi) : "null";
        break;
      }
      case 5:
        return WriteArray(value.get_message(), depth + 1, json);
      case 6:
        return WriteMap(value.get_message(), depth + 1, json);
      case 7:
        json.String(EncodeBase64(base::View(value.get_view())));
        return {};
      default:
        value.skip();
    }
  }
  json.Raw(number);
  return {};
}

Result<std::string> ValueText(ProtoReader value) {
  std::string text;
  while (value.next()) {
    if (value.tag() == 1) {
      text = value.get_string();
    } else if (value.tag() == 2) {
      text = value.get_bool() ? "true" : "false";
    } else if (value.tag() == 3) {
      text = base::StrCat(value.get_int64());
    } else if (value.tag() == 4) {
      text = base::FormatFloat(value.get_double(), base::FloatStyle::kApi);
    } else if (value.tag() == 5 || value.tag() == 6) {
      text.clear();
      base::JsonWriter json(text);
      bool array = value.tag() == 5;
      TRY(array ? WriteArray(value.get_message(), 1, json)
                : WriteMap(value.get_message(), 1, json));
    } else if (value.tag() == 7) {
      text = EncodeBase64(base::View(value.get_view()));
    } else {
      value.skip();
    }
  }
  return text;
}

}  // namespace

Result<void> ReadOtlpAttribute(ProtoReader key_value, OtlpAttributes* out) {
  if (out->size() >= kMaxOtlpItems) return TooMany();
  std::pair<std::string, std::string> attribute;
  while (key_value.next()) {
    if (key_value.tag() == 1) {
      attribute.first = key_value.get_string();
    } else if (key_value.tag() == 2) {
      attribute.second = TRY(ValueText(key_value.get_message()));
    } else {
      key_value.skip();
    }
  }
  out->push_back(std::move(attribute));
  return {};
}

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    size_t n = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < n ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= n ? kBase64[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    size_t value = kBase64.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 255);
  }
  return out;
}

}  // namespace slurmscope::remote
