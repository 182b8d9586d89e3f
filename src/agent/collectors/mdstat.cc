#include "agent/collectors/mdstat.h"

#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

// "md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]"
MdArray ParseHead(std::string_view line) {
  MdArray array;
  array.device = NextField(line);
  NextField(line);  // the colon
  array.state = NextField(line);
  uint64_t members = 0;
  for (std::string_view word; !(word = NextField(line)).empty();) {
    if (word.find('[') == std::string_view::npos) continue;
    ++members;
    if (word.ends_with("(F)")) ++array.failed;
    if (word.ends_with("(S)")) ++array.spare;
  }
  const bool running = array.state == "active";
  // Where the next line says nothing of "[required/active]" (raid0, linear), all are needed.
  array.active = running ? members - array.failed - array.spare : 0;
  array.required = running ? members : 0;
  return array;
}

// "[8/7]"
void ParseCounts(std::string_view word, MdArray& array) {
  const size_t slash = word.find('/');
  if (!word.starts_with('[') || !word.ends_with(']') || slash == std::string_view::npos) return;
  const auto required = ParseUint(word.substr(1, slash - 1));
  const auto active = ParseUint(word.substr(slash + 1, word.size() - slash - 2));
  if (!required || !active || array.state == "inactive") return;
  array.required = *required;
  array.active = *active;
}

// "195310144 blocks super 1.2 [2/1] [U_]"
void ParseSize(std::string_view line, uint64_t blocks, MdArray& array) {
  array.blocks = blocks;
  array.synced = blocks;
  for (std::string_view word; !(word = NextField(line)).empty();) ParseCounts(word, array);
}

// "[=>...]  recovery =  8.5% (16775552/195310144) finish=17.0min", "resync=DELAYED"
void ParseSync(std::string_view line, MdArray& array) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {{"recovery", "recovering"},
                                                                      {"reshape", "recovering"},
                                                                      {"resync", "resync"},
                                                                      {"check", "check"}};
  for (const auto& [word, state] : kWords) {
    if (line.find(word) == std::string_view::npos) continue;
    array.state = state;
    array.synced = 0;
    const size_t open = line.find('(');
    const size_t slash = line.find('/', open);
    if (open == std::string_view::npos || slash == std::string_view::npos) return;
    array.synced = ParseUint(line.substr(open + 1, slash - open - 1)).value_or(0);
    return;
  }
}

}  // namespace

std::vector<MdArray> ParseMdstat(std::string_view text) {
  std::vector<MdArray> arrays;
  bool inside = false;
  for (std::string_view line; NextLine(text, line);) {
    const bool indented = line.starts_with(' ') || line.starts_with('\t');
    if (!indented) {
      inside = line.starts_with("md") && line.find(" : ") != std::string_view::npos;
      if (inside) arrays.push_back(ParseHead(line));
      continue;
    }
    if (!inside) continue;
    std::string_view rest = line;
    const auto blocks = NextUint(rest);
    if (blocks && NextField(rest) == "blocks") {
      ParseSize(rest, *blocks, arrays.back());
    } else if (arrays.back().state != "inactive" && line.find("bitmap") == std::string_view::npos) {
      ParseSync(line, arrays.back());
    }
  }
  return arrays;
}

}  // namespace slurmscope::agent
