#include <arpa/inet.h>

#include <array>
#include <optional>
#include <string>

#include "base/strings.h"
#include "model/search_regex.h"
#include "rules/template_functions.h"

namespace slurmscope::rules {
namespace {

using base::StrAppend;
using base::StrCat;

const std::string& Text(const TemplateValue& value) { return *value.As<std::string>(); }

// Case of ASCII, and of the letters of two bytes that have the same distance to their other case:
// Latin-1, Greek and Cyrillic.
struct CaseRange {
  uint32_t upper_first;
  uint32_t upper_last;
  uint32_t distance;
};
constexpr std::array<CaseRange, 5> kCases = {
    {{'A', 'Z', 32}, {0xC0, 0xDE, 32}, {0x391, 0x3A9, 32}, {0x410, 0x42F, 32}, {0x400, 0x40F, 80}}};

uint32_t UpperRune(uint32_t rune) {
  for (const CaseRange& range : kCases) {
    bool lower =
        rune >= range.upper_first + range.distance && rune <= range.upper_last + range.distance;
    if (lower && rune != 0xF7) return rune - range.distance;
  }
  return rune;
}
uint32_t LowerRune(uint32_t rune) {
  for (const CaseRange& range : kCases) {
    if (rune >= range.upper_first && rune <= range.upper_last && rune != 0xD7)
      return rune + range.distance;
  }
  return rune;
}

bool IsLetter(uint32_t rune) {
  return rune >= 0x80 || (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z') ||
         (rune >= '0' && rune <= '9') || rune == '_';
}

// Calls map(rune, rune before) for ASCII and characters of two bytes; others are copied.
template <typename Map>
std::string MapRunes(const std::string& text, const Map& map) {
  std::string out;
  uint32_t before = ' ';
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<uint8_t>(text[i]);
    bool two = (byte & 0xE0) == 0xC0 && i + 1 < text.size();
    uint32_t rune = two ? (byte & 0x1Fu) << 6 | (static_cast<uint8_t>(text[i + 1]) & 0x3Fu) : byte;
    uint32_t mapped = two || byte < 0x80 ? map(rune, before) : rune;
    if (two) {
      out += static_cast<char>(0xC0 | mapped >> 6);
      out += static_cast<char>(0x80 | (mapped & 0x3F));
      ++i;
    } else {
      out += static_cast<char>(mapped);
    }
    before = rune;
  }
  return out;
}

struct HostPort {
  std::string host;
  std::string port;
};

// Go's net.SplitHostPort: "a:1", "[::1]:1"; nothing when there is no port or too many colons.
std::optional<HostPort> SplitHostPort(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  if (host.find_first_of("[]") != std::string_view::npos) return std::nullopt;
  return HostPort{std::string(host), std::string(text.substr(colon + 1))};
}

bool IsIpAddress(const std::string& host) {
  std::array<unsigned char, 16> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

Result<TemplateValue> Title(CallContext&, const Values& args) {
  return MapRunes(Text(args[0]), [](uint32_t rune, uint32_t before) {
    return IsLetter(before) ? rune : UpperRune(rune);
  });
}

Result<TemplateValue> ToUpper(CallContext&, const Values& args) {
  return MapRunes(Text(args[0]), [](uint32_t rune, uint32_t) { return UpperRune(rune); });
}

Result<TemplateValue> ToLower(CallContext&, const Values& args) {
  return MapRunes(Text(args[0]), [](uint32_t rune, uint32_t) { return LowerRune(rune); });
}

Result<TemplateValue> Match(CallContext&, const Values& args) {
  return TRY(model::SearchRegex::Compile(Text(args[0]))).Found(Text(args[1]));
}

Result<TemplateValue> ReplaceAll(CallContext&, const Values& args) {
  const std::string& pattern = Text(args[0]);
  auto regex =
      TRY_CONTEXT(model::SearchRegex::Compile(pattern), StrCat("regexp: Compile(`", pattern, "`)"));
  return regex.ReplaceAll(Text(args[2]), Text(args[1]), kMaxTemplateOutput);
}

Result<TemplateValue> StripPort(CallContext&, const Values& args) {
  auto parts = SplitHostPort(Text(args[0]));
  return parts ? parts->host : Text(args[0]);
}

Result<TemplateValue> StripDomain(CallContext&, const Values& args) {
  const std::string& text = Text(args[0]);
  HostPort parts = SplitHostPort(text).value_or(HostPort{text, ""});
  if (IsIpAddress(parts.host)) return text;
  std::string host = parts.host.substr(0, parts.host.find('.'));
  if (parts.port.empty()) return host;
  bool colons = host.find(':') != std::string::npos;
  return colons ? StrCat("[", host, "]:", parts.port) : StrCat(host, ":", parts.port);
}

Result<TemplateValue> PathPrefix(CallContext& call, const Values&) {
  std::string_view url = call.context.external_url;
  size_t scheme_end = url.find("://");
  if (scheme_end != std::string_view::npos) url.remove_prefix(scheme_end + 3);
  size_t path = url.find('/');
  if (path == std::string_view::npos) return std::string();
  return std::string(url.substr(path, url.find_first_of("?#") - path));
}

Result<TemplateValue> EscapeHtml(CallContext&, const Values& args) {
  std::string out;
  for (char c : GoPrint(args)) {
    switch (c) {
      case '\0':
        out += "\xEF\xBF\xBD";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Result<TemplateValue> EscapeJs(CallContext&, const Values& args) {
  std::string out;
  for (char c : GoPrint(args)) {
    bool coded = static_cast<uint8_t>(c) < 0x20 ||
                 std::string_view("<>&=").find(c) != std::string_view::npos;
    if (c == '\\' || c == '\'' || c == '"') {
      StrAppend(out, '\\', c);
    } else if (coded) {
      const char* digits = "0123456789ABCDEF";
      StrAppend(out, "\\u00", digits[c >> 4 & 15], digits[c & 15]);
    } else {
      out += c;
    }
  }
  return out;
}

std::string QueryEscape(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("-_.~").find(c) != std::string_view::npos;
    const char* digits = "0123456789ABCDEF";
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      StrAppend(out, '%', digits[static_cast<uint8_t>(c) >> 4], digits[c & 15]);
    }
  }
  return out;
}

std::string TableLink(std::string_view expr) {
  return StrCat("/graph?g0.expr=", QueryEscape(expr), "&g0.tab=1");
}
std::string GraphLink(std::string_view expr) {
  return StrCat("/graph?g0.expr=", QueryEscape(expr), "&g0.tab=0");
}

}  // namespace slurmscope::rules
