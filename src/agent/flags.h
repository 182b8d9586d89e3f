#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope::agent {

enum class FlagKind { kBool, kString, kStrings, kInt, kDuration };

// A flag as tables describe it. The name is without dashes; a bool also has "no-" before its name.
struct FlagSpec {
  std::string_view name;
  FlagKind kind;
  std::string_view default_value;
  std::string_view help;
  bool hidden = false;  // deprecated: taken, not shown
};

// Flags given on the command line, by name; defaults come from the specs handed to Declare, whose
// texts outlive this; of a name declared twice the first counts. Reading an undeclared name gives
// an empty value. Not thread-safe while being filled.
class FlagValues {
 public:
  void Declare(const FlagSpec& spec) { Declare(std::span(&spec, 1)); }
  void Declare(std::span<const FlagSpec> specs);
  // Bools are "true" or "false". Given again, a kStrings flag collects, another one takes the last
  // value.
  void Add(std::string_view name, std::string value) {
    given_[std::string(name)].push_back(std::move(value));
  }

  bool IsGiven(std::string_view name) const;
  bool Bool(std::string_view name) const { return String(name) == "true"; }
  std::string String(std::string_view name) const;
  std::vector<std::string> Strings(std::string_view name) const;
  base::Result<int64_t> Int(std::string_view name) const;
  // Go's spelling: "5s", "1.5ms".
  base::Result<int64_t> DurationNs(std::string_view name) const;

 private:
  struct Default {
    std::string_view name;
    std::string_view value;
  };
  std::vector<Default> defaults_;  // by name
  std::map<std::string, std::vector<std::string>, std::less<>> given_;
};

}  // namespace slurmscope::agent
