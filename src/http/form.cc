#include "http/form.h"

#include "base/strings.h"
#include "http/client.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::Fail;

namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsUnreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

void AppendEncoded(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (char c : text) {
    if (IsUnreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    base::StrAppend(out, '%', kHex[byte >> 4], kHex[byte & 15]);
  }
}

}  // namespace

Result<std::string> UrlDecode(std::string_view text, PlusSign plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == PlusSign::kPlusIsSpace) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 1 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return Fail(ErrorCode::kInvalidArgument,
                    base::StrCat("invalid URL escape ", base::Quote(text.substr(i, 3))));
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

Result<void> ParseForm(std::string_view text, size_t max_pairs, Pairs& pairs) {
  while (!text.empty()) {
    const size_t end = text.find('&');
    const std::string_view piece = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (piece.empty()) continue;
    if (pairs.size() >= max_pairs) {
      return Fail(ErrorCode::kResourceExhausted,
                  base::StrCat("more than ", max_pairs, " parameters"));
    }
    const size_t equals = piece.find('=');
    std::string name = TRY(UrlDecode(piece.substr(0, equals)));
    std::string value;
    if (equals != std::string_view::npos) value = TRY(UrlDecode(piece.substr(equals + 1)));
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

std::string UrlEncode(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  AppendEncoded(out, text);
  return out;
}

std::string EncodeForm(const Pairs& pairs) {
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    AppendEncoded(out, name);
    out += '=';
    AppendEncoded(out, value);
  }
  return out;
}

}  // namespace slurmscope::http
