// fmt.Print and fmt.Printf, as far as templates can tell.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/float_text.h"
#include "base/strings.h"
#include "rules/template_value.h"

namespace slurmscope::rules {
namespace {

using base::StrCat;

// Go takes more for a bad width or precision.
constexpr int kMaxWidth = 1'000'000;

struct Verb {
  bool plus = false;
  bool minus = false;
  bool sharp = false;
  bool space = false;
  bool zero = false;
  int width = -1;  // -1: not given, as with the precision
  int precision = -1;
  char verb = 0;
};

size_t RuneCount(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// The first `n` code points.
std::string_view FirstRunes(std::string_view text, size_t n) {
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) == 0x80) continue;
    if (n-- == 0) return text.substr(0, i);
  }
  return text;
}

std::string Pad(std::string text, const Verb& verb, bool zeros) {
  size_t have = RuneCount(text);
  if (verb.width < 0 || have >= static_cast<size_t>(verb.width)) return text;
  size_t missing = static_cast<size_t>(verb.width) - have;
  if (verb.minus) return text + std::string(missing, ' ');
  if (!zeros) return std::string(missing, ' ') + text;
  bool sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
  text.insert(sign ? 1 : 0, missing, '0');
  return text;
}

std::string WithSign(std::string text, const Verb& verb) {
  if (text.starts_with('-')) return text;
  if (verb.plus) return "+" + text;
  return verb.space ? " " + text : text;
}

std::string Hex(std::string_view bytes, bool upper) {
  std::string out;
  const char* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  for (char c : bytes) {
    out += digits[static_cast<uint8_t>(c) >> 4];
    out += digits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

std::string Utf8(int64_t rune) {
  auto c = static_cast<uint32_t>(rune);
  if (rune < 0 || rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) c = 0xFFFD;
  auto byte = [](uint32_t b) { return static_cast<char>(b); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 63))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 63)), byte(0x80 | (c >> 6 & 63)),
          byte(0x80 | (c & 63))};
}

std::string FormatOne(const TemplateValue& value, const Verb& verb);

std::string BadVerb(const Verb& verb, const TemplateValue& value) {
  std::string out = StrCat("%!", verb.verb, "(");
  if (value.nil() || !value.valid()) return out + "<nil>)";
  Verb plain = verb;
  plain.verb = 'v';
  return StrCat(out, value.TypeName(), "=", FormatOne(value, plain), ")");
}

std::string Based(int64_t value, unsigned base, bool upper) {
  const std::string_view digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  auto rest = static_cast<uint64_t>(value);
  if (value < 0) rest = ~rest + 1;
  std::string out;
  do {
    out += digits[rest % base];
    rest /= base;
  } while (rest > 0);
  if (value < 0) out += '-';
  std::reverse(out.begin(), out.end());
  return out;
}

std::string Integer(int64_t value, const Verb& verb, unsigned base, std::string_view prefix) {
  if (verb.precision == 0 && value == 0) return Pad("", verb, false);
  std::string text = Based(value, base, verb.verb == 'X');
  bool negative = text.starts_with('-');
  if (negative) text.erase(0, 1);
  if (verb.precision > 0 && text.size() < static_cast<size_t>(verb.precision))
    text.insert(0, static_cast<size_t>(verb.precision) - text.size(), '0');
  if (verb.sharp) text.insert(0, prefix);
  if (negative) text.insert(0, "-");
  return Pad(WithSign(std::move(text), verb), verb, verb.zero && !verb.minus && verb.precision < 0);
}

std::string FormatInteger(int64_t value, const Verb& verb) {
  switch (verb.verb) {
    case 'v':
    case 'd':
      return Integer(value, verb, 10, "");
    case 'b':
      return Integer(value, verb, 2, "0b");
    case 'o':
      return Integer(value, verb, 8, "0");
    case 'O': {
      Verb with_prefix = verb;
      with_prefix.sharp = true;
      return Integer(value, with_prefix, 8, "0o");
    }
    case 'x':
      return Integer(value, verb, 16, "0x");
    case 'X':
      return Integer(value, verb, 16, "0X");
    case 'c':
      return Pad(Utf8(value), verb, false);
    case 'q':
      return Pad(StrCat("'", Utf8(value), "'"), verb, false);
    case 'U': {
      std::string digits = Based(value, 16, true);
      if (digits.size() < 4) digits.insert(0, 4 - digits.size(), '0');
      return Pad(StrCat("U+", digits), verb, false);
    }
    default:
      return BadVerb(verb, value);
  }
}

std::string FormatNumber(double value, const Verb& verb) {
  std::string text;
  switch (verb.verb) {
    case 'v':
      text = GoFloat(value, 'g', verb.precision);
      break;
    case 'e':
    case 'f':
    case 'g':
      text = GoFloat(value, verb.verb, verb.precision < 0 && verb.verb != 'g' ? 6 : verb.precision);
      break;
    case 'F':
      text = GoFloat(value, 'f', verb.precision < 0 ? 6 : verb.precision);
      break;
    case 'E':
    case 'G':
      text = GoFloat(value, verb.verb == 'E' ? 'e' : 'g',
                     verb.precision < 0 && verb.verb == 'E' ? 6 : verb.precision);
      std::replace(text.begin(), text.end(), 'e', 'E');
      break;
    default:
      return BadVerb(verb, value);
  }
  bool finite = std::isfinite(value);
  if (!text.starts_with('+')) text = WithSign(std::move(text), verb);
  return Pad(std::move(text), verb, verb.zero && !verb.minus && finite);
}

std::string FormatString(const std::string& value, const Verb& verb) {
  std::string_view cut = verb.precision < 0
                             ? std::string_view(value)
                             : FirstRunes(value, static_cast<size_t>(verb.precision));
  bool zeros = verb.zero && !verb.minus;
  switch (verb.verb) {
    case 'v':
    case 's':
      return Pad(std::string(cut), verb, zeros);
    case 'q':
      return Pad(base::Quote(cut), verb, zeros);
    case 'x':
    case 'X':
      return Pad(Hex(cut, verb.verb == 'X'), verb, zeros);
    default:
      return BadVerb(verb, value);
  }
}

std::string FormatOne(const TemplateValue& value, const Verb& verb) {
  bool nil = value.nil() || !value.valid();
  if (verb.verb == 'T') return Pad(nil ? "<nil>" : std::string(value.TypeName()), verb, false);
  if (nil) return verb.verb == 'v' ? Pad("<nil>", verb, false) : BadVerb(verb, value);
  if (const auto* number = value.As<int64_t>()) return FormatInteger(*number, verb);
  if (const auto* number = value.As<double>()) return FormatNumber(*number, verb);
  if (const auto* text = value.As<std::string>()) return FormatString(*text, verb);
  if (value.As<bool>() != nullptr && verb.verb == 't') return Pad(value.ToText(), verb, false);
  bool textual = verb.verb == 'v' || verb.verb == 's';
  if (value.As<bool>() != nullptr && verb.verb != 'v') return BadVerb(verb, value);
  return textual ? Pad(value.ToText(), verb, false) : BadVerb(verb, value);
}

// Reads "%-08.3f" from behind the '%'; widths and precisions of '*' take arguments.
class VerbReader {
 public:
  VerbReader(std::string_view* format, const Values& values, size_t* next, bool* reordered)
      : format_(*format), values_(values), next_(*next), reordered_(*reordered) {}

  Verb Read(std::string* problems) {
    Verb verb;
    ReadFlags(&verb);
    ReadIndex();
    verb.width = ReadNumber(problems, "%!(BADWIDTH)");
    if (verb.width < -1) {
      verb.minus = true;
      verb.width = -verb.width;
    }
    if (!format_.empty() && format_[0] == '.') {
      format_.remove_prefix(1);
      ReadIndex();
      verb.precision = std::max(ReadNumber(problems, "%!(BADPREC)"), 0);
    }
    ReadIndex();
    if (format_.empty()) return verb;
    verb.verb = format_[0];
    format_.remove_prefix(1);
    return verb;
  }

 private:
  void ReadFlags(Verb* verb) {
    for (; !format_.empty(); format_.remove_prefix(1)) {
      bool* flag = format_[0] == '+'   ? &verb->plus
                   : format_[0] == '-' ? &verb->minus
                   : format_[0] == '#' ? &verb->sharp
                   : format_[0] == ' ' ? &verb->space
                   : format_[0] == '0' ? &verb->zero
                                       : nullptr;
      if (flag == nullptr) return;
      *flag = true;
    }
  }
  // "[2]": the argument that comes next.
  void ReadIndex() {
    size_t end = format_.find(']');
    if (!format_.starts_with('[') || end == std::string_view::npos) return;
    auto index = base::ParseInt<size_t>(format_.substr(1, end - 1));
    format_.remove_prefix(end + 1);
    reordered_ = true;
    next_ = index && *index > 0 ? *index - 1 : values_.size();
  }
  int ReadNumber(std::string* problems, std::string_view problem) {
    if (!format_.empty() && format_[0] == '*') {
      format_.remove_prefix(1);
      const int64_t* given = next_ < values_.size() ? values_[next_].As<int64_t>() : nullptr;
      if (next_ < values_.size()) ++next_;
      if (given != nullptr && std::abs(*given) <= kMaxWidth) return static_cast<int>(*given);
      *problems += problem;
      return -1;
    }
    int number = -1;
    for (; !format_.empty() && format_[0] >= '0' && format_[0] <= '9'; format_.remove_prefix(1)) {
      number = std::max(number, 0) * 10 + (format_[0] - '0');
      if (number > kMaxWidth) number = kMaxWidth;
    }
    return number;
  }

  std::string_view& format_;
  const Values& values_;
  size_t& next_;
  bool& reordered_;
};

std::string Extra(const Values& values, size_t next) {
  std::string out = "%!(EXTRA ";
  for (size_t i = next; i < values.size(); ++i) {
    if (i > next) out += ", ";
    bool nil = values[i].nil() || !values[i].valid();
    out += nil ? "<nil>" : StrCat(values[i].TypeName(), "=", values[i].ToText());
  }
  return out + ")";
}

}  // namespace

std::string GoFloat(double value, char verb, int precision) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (precision < 0 && verb == 'g') return base::FormatFloat(value, base::FloatStyle::kExposition);
  if (precision < 0 && verb == 'f') return base::FormatFloat(value, base::FloatStyle::kFixed);
  char buffer[512];
  if (precision < 0) {
    auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
    return {buffer, end.ptr};
  }
  const char* format = verb == 'e' ? "%.*e" : verb == 'f' ? "%.*f" : "%.*g";
  // Beyond that digits are zeros, as a double has no more of them.
  int n = std::snprintf(buffer, sizeof buffer, format, std::min(precision, 100), value);
  if (n < 0 || static_cast<size_t>(n) >= sizeof buffer) return "?";
  return {buffer, static_cast<size_t>(n)};
}

std::string GoPrint(const Values& values) {
  std::string out;
  bool last_was_string = true;
  for (size_t i = 0; i < values.size(); ++i) {
    bool is_string = values[i].As<std::string>() != nullptr;
    if (i > 0 && !is_string && !last_was_string) out += ' ';
    out += values[i].valid() ? values[i].ToText() : "<nil>";
    last_was_string = is_string;
  }
  return out;
}

std::string GoPrintLine(const Values& values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ' ';
    out += values[i].valid() ? values[i].ToText() : "<nil>";
  }
  return out + "\n";
}

std::string GoPrintf(std::string_view format, const Values& values, size_t limit) {
  std::string out;
  size_t next = 0;
  bool reordered = false;
  while (!format.empty() && out.size() < limit) {
    size_t percent = format.find('%');
    out += format.substr(0, percent);
    if (percent == std::string_view::npos) break;
    format.remove_prefix(percent + 1);
    std::string problems;
    Verb verb = VerbReader(&format, values, &next, &reordered).Read(&problems);
    out += problems;
    if (verb.verb == 0) {
      out += "%!(NOVERB)";
    } else if (verb.verb == '%') {
      out += '%';
    } else if (next >= values.size()) {
      out += StrCat("%!", verb.verb, "(MISSING)");
    } else {
      out += FormatOne(values[next++], verb);
    }
  }
  if (!reordered && next < values.size()) out += Extra(values, next);
  if (out.size() > limit) out.resize(limit);
  return out;
}

}  // namespace slurmscope::rules
