#include "base/strings.h"
#include "model/labels.h"
#include "promql/literals.h"
#include "promql/parser_impl.h"

namespace slurmscope::promql {
namespace {

using model::Matcher;
using model::MatchType;

constexpr std::string_view kMatching = "label matching";

bool MatchTypeOf(TokenKind kind, MatchType* type) {
  switch (kind) {
    case TokenKind::kAssign:
      *type = MatchType::kEqual;
      return true;
    case TokenKind::kNotEqual:
      *type = MatchType::kNotEqual;
      return true;
    case TokenKind::kEqualRegex:
      *type = MatchType::kRegexp;
      return true;
    case TokenKind::kNotEqualRegex:
      *type = MatchType::kNotRegexp;
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::unique_ptr<VectorSelector>> Parser::ParseSelector() {
  auto selector = std::make_unique<VectorSelector>();
  selector->pos = {token_.pos, token_.end()};
  bool named = IsMetricName(token_.kind);
  if (named) {
    selector->name = token_.text;
    Advance();
  }
  if (At(TokenKind::kLeftBrace)) TRY(ParseMatchers(selector.get()));
  if (named) {
    selector->name_in_braces = false;
    selector->matchers.push_back(Matcher::Equal(model::kMetricName, selector->name));
  }
  selector->pos.end = last_end_;
  return selector;
}

Result<void> Parser::ParseMatchers(VectorSelector* selector) {
  Advance();
  while (!At(TokenKind::kRightBrace)) {
    TRY(ParseMatcher(selector));
    if (At(TokenKind::kRightBrace)) break;
    TRY(Expect(TokenKind::kComma, kMatching, "\",\" or \"}\""));
  }
  Advance();
  return {};
}

Result<void> Parser::ParseMatcher(VectorSelector* selector) {
  if (!At(TokenKind::kIdentifier) && !At(TokenKind::kString)) {
    return Unexpected(kMatching, "identifier or \"}\"");
  }
  Token label = token_;
  bool quoted = At(TokenKind::kString);
  std::string name = quoted ? Unquote(label.text) : std::string(label.text);
  Advance();
  MatchType type = MatchType::kEqual;
  if (!MatchTypeOf(token_.kind, &type)) {
    if (!quoted) return Unexpected(kMatching, "label matching operator");
    selector->matchers.push_back(Matcher::Equal(model::kMetricName, name));
    if (selector->name.empty()) {
      selector->name = std::move(name);
      selector->name_in_braces = true;
    }
    return {};
  }
  Advance();
  if (!At(TokenKind::kString)) return Unexpected(kMatching, "string");
  Result<Matcher> matcher = Matcher::Make(type, name, Unquote(token_.text));
  if (!matcher) return FailAt(label.pos, matcher.error().message());
  selector->matchers.push_back(*std::move(matcher));
  Advance();
  return {};
}

}  // namespace slurmscope::promql
