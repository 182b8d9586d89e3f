#include "promql/keywords.h"

#include <algorithm>
#include <array>

namespace slurmscope::promql {
namespace {

struct Keyword {
  std::string_view text;
  TokenKind kind;
};

// Sorted by text.
constexpr std::array<Keyword, 39> kKeywords = {{
    {"anchored", TokenKind::kAnchored},
    {"and", TokenKind::kAnd},
    {"atan2", TokenKind::kAtan2},
    {"avg", TokenKind::kAvg},
    {"bool", TokenKind::kBool},
    {"bottomk", TokenKind::kBottomk},
    {"by", TokenKind::kBy},
    {"count", TokenKind::kCount},
    {"count_values", TokenKind::kCountValues},
    {"end", TokenKind::kEnd},
    {"fill", TokenKind::kFill},
    {"fill_left", TokenKind::kFillLeft},
    {"fill_right", TokenKind::kFillRight},
    {"group", TokenKind::kGroup},
    {"group_left", TokenKind::kGroupLeft},
    {"group_right", TokenKind::kGroupRight},
    {"ignoring", TokenKind::kIgnoring},
    {"inf", TokenKind::kNumber},
    {"limit_ratio", TokenKind::kLimitRatio},
    {"limitk", TokenKind::kLimitk},
    {"max", TokenKind::kMax},
    {"max_of", TokenKind::kMaxOf},
    {"min", TokenKind::kMin},
    {"min_of", TokenKind::kMinOf},
    {"nan", TokenKind::kNumber},
    {"offset", TokenKind::kOffset},
    {"on", TokenKind::kOn},
    {"or", TokenKind::kOr},
    {"quantile", TokenKind::kQuantile},
    {"range", TokenKind::kRange},
    {"smoothed", TokenKind::kSmoothed},
    {"start", TokenKind::kStart},
    {"stddev", TokenKind::kStddev},
    {"stdvar", TokenKind::kStdvar},
    {"step", TokenKind::kStep},
    {"sum", TokenKind::kSum},
    {"topk", TokenKind::kTopk},
    {"unless", TokenKind::kUnless},
    {"without", TokenKind::kWithout},
}};

constexpr size_t kLongest = 12;

}  // namespace

TokenKind KeywordKind(std::string_view word) {
  if (word.size() < 2 || word.size() > kLongest) return TokenKind::kIdentifier;
  char buffer[kLongest];
  for (size_t i = 0; i < word.size(); ++i) {
    char c = word[i];
    buffer[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  std::string_view lower(buffer, word.size());
  auto it = std::lower_bound(kKeywords.begin(), kKeywords.end(), lower,
                             [](const Keyword& k, std::string_view w) { return k.text < w; });
  return it != kKeywords.end() && it->text == lower ? it->kind : TokenKind::kIdentifier;
}

}  // namespace slurmscope::promql
