#include <algorithm>
#include <array>

#include "base/strings.h"
#include "config/yaml.h"

namespace slurmscope::config {
namespace {

using base::StrAppend;
using base::StrCat;

constexpr std::string_view kSecret = "<secret>";
constexpr std::array<std::string_view, 15> kSecretKeys = {
    "password",     "credentials",
    "bearer_token", "client_secret",
    "secret_key",   "secret",
    "secrets",      "api_key",
    "token",        "shared_secret",
    "private_key",  "auth_token",
    "access_key",   "application_credential_secret",
    "Authorization"};

bool IsSecretKey(std::string_view key) {
  return std::find(kSecretKeys.begin(), kSecretKeys.end(), key) != kSecretKeys.end();
}

// "https://user:password@host" -> "https://user:<secret>@host"
std::string WithoutUrlPassword(const std::string& text) {
  size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  size_t begin = scheme + 3;
  size_t at = text.substr(0, text.find_first_of("/?#", begin)).rfind('@');
  size_t colon = text.find(':', begin);
  if (at == std::string::npos || colon == std::string::npos || colon > at) return text;
  return StrCat(text.substr(0, colon + 1), kSecret, text.substr(at));
}

bool IsPlain(std::string_view text) {
  if (text.empty() || text.front() == '-' || text.back() == ':') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/' || c == '-' || c == '+' || c == ':';
  });
}

bool IsWord(std::string_view text) {
  return IsPlain(text) && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
         });
}

// JSON's escapes, all of which YAML has too.
std::string DoubleQuoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      StrAppend(out, '\\', c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      StrAppend(out, "\\x", kHex[byte >> 4], kHex[byte & 15]);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Scalar(const Node& node) {
  constexpr std::array<std::string_view, 9> kNotText = {"true", "false", "yes", "no", "on",
                                                        "off",  "null",  "y",   "n"};
  std::string text = WithoutUrlPassword(node.scalar);
  if (!node.quoted && IsPlain(text)) return text;
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  bool other_type = std::find(kNotText.begin(), kNotText.end(), lower) != kNotText.end();
  if (IsWord(text) && !other_type) return text;
  return DoubleQuoted(text);
}

void Emit(std::string_view parent, const Node& node, size_t indent, std::string* out);

void EmitList(const Node& node, size_t indent, std::string* out) {
  for (const Node& item : node.items) {
    StrAppend(*out, std::string(indent, ' '), "-");
    if (item.kind == Node::Kind::kMapping && !item.items.empty()) {
      // The first key stands beside the dash: its indentation is written already.
      std::string mapping;
      Emit({}, item, indent + 2, &mapping);
      StrAppend(*out, " ", std::string_view(mapping).substr(indent + 2));
    } else if (item.kind == Node::Kind::kList && !item.items.empty()) {
      *out += '\n';
      EmitList(item, indent + 2, out);
    } else {
      *out += ' ';
      Emit({}, item, indent + 2, out);
    }
  }
}

// A key in PEM, or the values that a proxy is shown: the names alone say too little.
bool IsSecretIn(std::string_view parent, std::string_view key) {
  return parent == "proxy_connect_header" ||
         ((parent == "tls_config" || parent == "tls_server_config") && key == "key");
}

// A secret may be a list or a mapping of them; its kind and size are of no use to a reader either.
bool HidesValue(std::string_view parent, const Node& key, const Node& value) {
  bool empty = value.kind == Node::Kind::kNull ||
               (value.kind == Node::Kind::kScalar && value.scalar.empty());
  return (IsSecretKey(key.scalar) || IsSecretIn(parent, key.scalar)) && !empty;
}

void EmitMapping(std::string_view parent, const Node& node, size_t indent, std::string* out) {
  for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Node& key = node.items[i];
    const Node& value = node.items[i + 1];
    StrAppend(*out, std::string(indent, ' '), Scalar(key), ":");
    if (HidesValue(parent, key, value)) {
      StrAppend(*out, " ", kSecret, "\n");
      continue;
    }
    bool nested = !value.items.empty();
    *out += nested ? '\n' : ' ';
    Emit(key.scalar, value, nested && value.kind == Node::Kind::kList ? indent : indent + 2, out);
  }
}

void Emit(std::string_view parent, const Node& node, size_t indent, std::string* out) {
  switch (node.kind) {
    case Node::Kind::kNull:
      *out += "null\n";
      return;
    case Node::Kind::kScalar:
      StrAppend(*out, Scalar(node), "\n");
      return;
    case Node::Kind::kList:
      if (node.items.empty()) *out += "[]\n";
      EmitList(node, indent, out);
      return;
    case Node::Kind::kMapping:
      if (node.items.empty()) *out += "{}\n";
      EmitMapping(parent, node, indent, out);
      return;
  }
}

}  // namespace

std::string ToRedactedYaml(const Node& node) {
  std::string out;
  if (node.kind != Node::Kind::kNull) Emit({}, node, 0, &out);
  return out;
}

}  // namespace slurmscope::config
