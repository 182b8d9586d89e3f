#include "promql/script_text.h"

#include "base/strings.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;
using base::Result;

namespace {

void AppendUtf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// The escape after a backslash; `rest` begins behind the backslash.
Result<void> TakeEscape(std::string_view& rest, std::string& out) {
  if (rest.empty()) return Fail(ErrorCode::kInvalidArgument, "string without end");
  char c = rest.front();
  rest.remove_prefix(1);
  if (c == 'x' || c == 'u') {
    size_t digits = c == 'x' ? 2 : 4;
    auto code = base::ParseInt<unsigned>(rest.substr(0, digits), 16);
    if (!code || rest.size() < digits)
      return Fail(ErrorCode::kInvalidArgument, "bad escape in string");
    rest.remove_prefix(digits);
    if (c == 'x') {
      out += static_cast<char>(*code);
    } else {
      AppendUtf8(out, *code);
    }
    return {};
  }
  static constexpr std::string_view kFrom = "nrtabfv";
  static constexpr std::string_view kTo = "\n\r\t\a\b\f\v";
  size_t at = kFrom.find(c);
  out += at == std::string_view::npos ? c : kTo[at];
  return {};
}

}  // namespace

Result<std::string> TakeQuoted(std::string_view& rest) {
  if (rest.empty() || std::string_view("\"'`").find(rest.front()) == std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument, "expected a quoted string");
  }
  char quote = rest.front();
  rest.remove_prefix(1);
  std::string out;
  while (!rest.empty() && rest.front() != quote) {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == '\\' && quote != '`') {
      TRY(TakeEscape(rest, out));
    } else {
      out += c;
    }
  }
  if (rest.empty()) return Fail(ErrorCode::kInvalidArgument, "string without end");
  rest.remove_prefix(1);
  return out;
}

}  // namespace slurmscope::promql
