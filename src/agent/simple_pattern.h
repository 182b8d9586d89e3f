#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace slurmscope::agent {

// The part of RE2's syntax that patterns of device names use: characters, `.`, `\d`, `[a-z]`, `^`,
// `$`, groups, alternatives, `?` behind anything and `*` and `+` behind a character. RE2 needs
// longer to compile such a pattern than all names of a machine take here. Immutable; says what RE2
// says, or nothing.
class SimplePattern {
 public:
  // nullopt where the pattern has more in it, or is wrong.
  static std::optional<SimplePattern> Parse(std::string_view pattern);

  // Whether it matches anywhere in `text`; nullopt for a text that is long, not ASCII, or takes too
  // many steps.
  std::optional<bool> FoundIn(std::string_view text) const;

 private:
  friend class SimplePatternParser;
  enum class Op : uint8_t { kCharacter, kSet, kBegin, kEnd, kTry, kMany, kJump, kFound };
  // One step of a program. Places are relative to the step, so that a piece of it can be moved.
  struct Step {
    Op op;
    char character = 0;  // kCharacter
    // kTry: if what follows it does not match; kJump. kSet: index of sets_. kMany: unused, the next
    // step is repeated.
    int16_t to = 0;
  };
  using Set = std::bitset<128>;

  bool Match(size_t step, std::string_view text, size_t at, int& steps_left) const;

  std::vector<Step> program_;
  std::vector<Set> sets_;
};

}  // namespace slurmscope::agent
