#include "agent/simple_pattern.h"

#include <algorithm>
#include <utility>

namespace slurmscope::agent {
namespace {

constexpr size_t kLongestPattern = 4096;
constexpr size_t kLongestText = 512;
constexpr int kMostSteps = 20'000;
constexpr int kDeepestGroup = 20;
constexpr unsigned char kLastAscii = 127;

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= kLastAscii; });
}

}  // namespace

// Each function takes what it knows off the pattern; false when there is something else.
class SimplePatternParser {
 public:
  explicit SimplePatternParser(std::string_view pattern) : rest_(pattern) {}

  std::optional<SimplePattern> Parse() {
    if (!Alternatives() || !rest_.empty()) return std::nullopt;
    Add({Op::kFound});
    return std::move(out_);
  }

 private:
  using Op = SimplePattern::Op;
  using Set = SimplePattern::Set;
  using Step = SimplePattern::Step;
  enum class Atom { kNone, kCharacter, kGroup, kPlace };

  std::vector<Step>& program() { return out_.program_; }
  void Add(Step step) { program().push_back(step); }
  void InsertTry(size_t begin, size_t beyond) {
    const auto length = static_cast<int16_t>(program().size() - begin + 1 + beyond);
    program().insert(program().begin() + static_cast<std::ptrdiff_t>(begin),
                     Step{Op::kTry, 0, length});
  }
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool Alternatives() {
    std::vector<size_t> ends;
    for (;;) {
      const size_t begin = program().size();
      if (!Sequence()) return false;
      if (!Take('|')) break;
      InsertTry(begin, 1);
      ends.push_back(program().size());
      Add({Op::kJump});
    }
    for (const size_t end : ends) program()[end].to = static_cast<int16_t>(program().size() - end);
    return true;
  }

  // Of one piece at least.
  bool Sequence() {
    const std::string_view before = rest_;
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      const size_t begin = program().size();
      const Atom atom = TakeAtom();
      if (atom == Atom::kNone || !TakeRepeat(atom, begin)) return false;
    }
    return rest_.size() < before.size();
  }

  bool TakeRepeat(Atom atom, size_t begin) {
    if (rest_.empty() || std::string_view("?*+").find(rest_[0]) == std::string_view::npos) {
      return true;
    }
    const char repeat = rest_[0];
    rest_.remove_prefix(1);
    // A second one means something else.
    if (!rest_.empty() && std::string_view("?*+").find(rest_[0]) != std::string_view::npos) {
      return false;
    }
    if (atom == Atom::kPlace || (atom == Atom::kGroup && repeat != '?')) return false;
    if (repeat == '?') InsertTry(begin, 0);
    if (repeat == '+') Add(program()[begin]);
    if (repeat != '?') program().insert(program().end() - 1, Step{Op::kMany});
    return true;
  }

  Atom TakeAtom() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    switch (c) {
      case '^':
        Add({Op::kBegin});
        return Atom::kPlace;
      case '$':
        Add({Op::kEnd});
        return Atom::kPlace;
      case '(':
        return Group();
      case '[':
        return SetOfRanges();
      case '.':
        return AddSet(Set().set().reset('\n'));
      case '\\':
        return Escape();
      default:
        return std::string_view("?*+{}]").find(c) == std::string_view::npos ? Character(c)
                                                                            : Atom::kNone;
    }
  }

  Atom Group() {
    if (rest_.starts_with('?')) {
      if (!rest_.starts_with("?:")) return Atom::kNone;
      rest_.remove_prefix(2);
    }
    if (++depth_ > kDeepestGroup || !Alternatives() || !Take(')')) return Atom::kNone;
    --depth_;
    return Atom::kGroup;
  }

  Atom SetOfRanges() {
    Set set;
    while (!rest_.empty() && IsPlain(rest_[0])) {
      const char first = rest_[0];
      char last = first;
      rest_.remove_prefix(1);
      if (Take('-')) {
        if (rest_.empty() || !IsPlain(rest_[0]) || rest_[0] < first) return Atom::kNone;
        last = rest_[0];
        rest_.remove_prefix(1);
      }
      for (char c = first; c <= last; ++c) set.set(static_cast<unsigned char>(c));
    }
    return set.any() && Take(']') ? AddSet(set) : Atom::kNone;
  }

  Atom Escape() {
    if (Take('d')) {
      Set digits;
      for (char c = '0'; c <= '9'; ++c) digits.set(static_cast<size_t>(c));
      return AddSet(digits);
    }
    constexpr std::string_view kMarks = ".-/+*?()[]{}|^$\\_:";
    if (rest_.empty() || kMarks.find(rest_[0]) == std::string_view::npos) return Atom::kNone;
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return Character(c);
  }

  // Means itself in a set.
  static bool IsPlain(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  }

  Atom Character(char c) {
    Add({Op::kCharacter, c});
    return Atom::kCharacter;
  }

  Atom AddSet(const Set& set) {
    Add({Op::kSet, 0, static_cast<int16_t>(out_.sets_.size())});
    out_.sets_.push_back(set);
    return Atom::kCharacter;
  }

  std::string_view rest_;
  SimplePattern out_;
  int depth_ = 0;
};

std::optional<SimplePattern> SimplePattern::Parse(std::string_view pattern) {
  if (pattern.size() > kLongestPattern || !IsAscii(pattern)) return std::nullopt;
  return SimplePatternParser(pattern).Parse();
}

std::optional<bool> SimplePattern::FoundIn(std::string_view text) const {
  if (text.size() > kLongestText || !IsAscii(text)) return std::nullopt;
  const size_t last = program_[0].op == Op::kBegin ? 0 : text.size();
  int steps_left = kMostSteps;
  for (size_t at = 0; at <= last; ++at) {
    const bool found = Match(0, text, at, steps_left);
    if (steps_left <= 0) return std::nullopt;
    if (found) return true;
  }
  return false;
}

// Goes back to an alternative by returning; false, too, when there are no steps left. By pointers:
// to check each index would take longer than the rest.
bool SimplePattern::Match(size_t step, std::string_view text, size_t at, int& steps_left) const {
  const Step* const program = program_.data();
  const char* const bytes = text.data();
  const auto takes = [&](const Step& one, char c) {
    return one.op == Op::kCharacter ? c == one.character
                                    : sets_.data()[one.to][static_cast<unsigned char>(c)];
  };
  // False where a character is wanted that is not there.
  const auto may_match = [&](const Step& next) {
    return next.op != Op::kCharacter || (at < text.size() && bytes[at] == next.character);
  };
  while (--steps_left > 0) {
    const Step& now = program[step];
    const bool more = at < text.size();
    switch (now.op) {
      case Op::kCharacter:
        if (!more || bytes[at++] != now.character) return false;
        break;
      case Op::kSet:
        if (!more || !takes(now, bytes[at++])) return false;
        break;
      case Op::kMany:
        // However many are taken, what follows decides.
        for (; at < text.size() && takes(program[step + 1], bytes[at]); ++at) {
          if (!may_match(program[step + 2])) continue;
          if (Match(step + 2, text, at, steps_left)) return true;
          if (steps_left <= 0) return false;
        }
        step += 2;
        continue;
      case Op::kBegin:
        if (at != 0) return false;
        break;
      case Op::kEnd:
        if (more) return false;
        break;
      case Op::kTry: {
        // Mostly the next character decides which way is the only one.
        const size_t other = step + static_cast<size_t>(now.to);
        const bool open = may_match(program[step + 1]);
        if (open && !may_match(program[other])) break;
        if (open && Match(step + 1, text, at, steps_left)) return true;
        step = other;
        continue;
      }
      case Op::kJump:
        step += static_cast<size_t>(static_cast<std::ptrdiff_t>(now.to));
        continue;
      case Op::kFound:
        return true;
    }
    ++step;
  }
  return false;
}

}  // namespace slurmscope::agent
