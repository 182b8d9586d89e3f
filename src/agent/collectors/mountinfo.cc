#include "agent/collectors/mountinfo.h"

#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

bool HasOption(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    options.remove_prefix(comma == std::string_view::npos ? options.size() : comma + 1);
  }
  return false;
}

}  // namespace

std::string UnescapeOctal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' &&
                        IsOctal(text[i + 1]) && IsOctal(text[i + 2]) && IsOctal(text[i + 3]);
    if (!escape) {
      out += text[i];
      continue;
    }
    out +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return out;
}

std::optional<Mount> ParseMountInfo(std::string_view line) {
  Mount mount;
  NextField(line);  // mount id
  NextField(line);  // parent id
  const std::string_view device_number = NextField(line);
  const size_t colon = device_number.find(':');
  NextField(line);  // root
  const std::string_view mount_point = NextField(line);
  const std::string_view options = NextField(line);
  // Any number of optional fields ends with a lone dash.
  std::string_view field;
  while (!(field = NextField(line)).empty() && field != "-") {
  }
  mount.fs_type = NextField(line);
  const std::string_view device = NextField(line);
  if (field != "-" || device.empty() || colon == std::string_view::npos) return std::nullopt;
  mount.major = device_number.substr(0, colon);
  mount.minor = device_number.substr(colon + 1);
  mount.mount_point = UnescapeOctal(mount_point);
  mount.device = UnescapeOctal(device);
  mount.read_only = HasOption(options, "ro") || HasOption(NextField(line), "ro");
  return mount;
}

}  // namespace slurmscope::agent
