#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/clock.h"
#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::base {
namespace {

struct Logging {
  Logging() : logger("slurmscope", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger.set_pattern("%v");
    logger.set_level(spdlog::level::trace);
  }
  spdlog::logger logger;
  LogLevel level = LogLevel::kWarn;
  bool json = false;
};

Logging& State() {
  static Logging logging;
  return logging;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarn:
      return "WARN";
    case LogLevel::kError:
      return "ERROR";
  }
  return "INFO";
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

bool NeedsQuotes(std::string_view value) {
  if (value.empty()) return true;
  for (char c : value) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F)
      return true;
  }
  return !IsValidUtf8(value);
}

// Length of the UTF-8 sequence that `text` begins with; 0 when it is none.
size_t SequenceLength(std::string_view text) {
  for (size_t n = 1; n <= 4 && n <= text.size(); ++n) {
    if (IsValidUtf8(text.substr(0, n))) return n;
  }
  return 0;
}

// JSON strings allow neither \x nor \a; control characters become \u00NN, what is not UTF-8 U+FFFD.
std::string JsonQuote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    size_t length = SequenceLength(text);
    std::string_view sequence = text.substr(0, length);
    char c = text[0];
    auto byte = static_cast<unsigned char>(c);
    text.remove_prefix(length == 0 ? 1 : length);
    if (c == '"' || c == '\\') {
      StrAppend(out, '\\', c);
    } else if (byte < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      StrAppend(out, "\\u00", kHex[byte >> 4], kHex[byte & 15]);
    } else {
      out += length == 0 ? "\xEF\xBF\xBD" : sequence;
    }
  }
  return out + '"';
}

void AppendField(std::string& line, bool json, std::string_view key, std::string_view value) {
  if (json) {
    StrAppend(line, line.size() > 1 ? "," : "", JsonQuote(key), ":", JsonQuote(value));
    return;
  }
  if (!line.empty()) line += ' ';
  StrAppend(line, key, "=");
  line += NeedsQuotes(value) ? Quote(value) : std::string(value);
}

}  // namespace

LogField::LogField(std::string_view k, double v)
    : key(k), value(FormatFloat(v, FloatStyle::kApi)) {}

Result<LogLevel> ParseLogLevel(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warn") return LogLevel::kWarn;
  if (text == "error") return LogLevel::kError;
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("unknown log level ", Quote(text), " (one of debug, info, warn, error)"));
}

Result<void> InitLogging(LogLevel level, std::string_view format) {
  if (format != "logfmt" && format != "json") {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("unknown log format ", Quote(format), " (logfmt or json)"));
  }
  State().level = level;
  State().json = format == "json";
  return {};
}

bool LogEnabled(LogLevel level) { return level >= State().level; }

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  bool json = State().json;
  std::string line = json ? "{" : "";
  AppendField(line, json, "time", FormatRfc3339Ms(SystemClock().NowMs()));
  AppendField(line, json, "level", LevelName(level));
  AppendField(line, json, "msg", message);
  for (const LogField& field : fields) AppendField(line, json, field.key, field.value);
  if (json) line += '}';
  State().logger.log(SpdlogLevel(level), line);
}

}  // namespace slurmscope::base
