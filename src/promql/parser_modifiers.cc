#include "base/strings.h"
#include "promql/literals.h"
#include "promql/parser_impl.h"

namespace slurmscope::promql {
namespace {

constexpr std::string_view kGrouping = "grouping opts";

}  // namespace

Result<Parser::BinaryModifiers> Parser::ParseBinaryModifiers() {
  BinaryModifiers modifiers;
  if (At(TokenKind::kBool)) {
    modifiers.return_bool = true;
    Advance();
  }
  if (At(TokenKind::kOn) || At(TokenKind::kIgnoring)) {
    modifiers.matching.on = At(TokenKind::kOn);
    Advance();
    modifiers.matching.labels = TRY(ParseLabelList());
    TRY(ParseGroupModifier(&modifiers.matching));
  }
  TRY(ParseFill(&modifiers.matching));
  return modifiers;
}

Result<void> Parser::ParseGroupModifier(VectorMatching* matching) {
  if (!At(TokenKind::kGroupLeft) && !At(TokenKind::kGroupRight)) return {};
  matching->card = At(TokenKind::kGroupLeft) ? Cardinality::kManyToOne : Cardinality::kOneToMany;
  Advance();
  if (At(TokenKind::kLeftParen)) matching->include = TRY(ParseLabelList());
  return {};
}

// fill(v), or fill_left(v) and fill_right(v) in any order. Without "(" the word is a metric.
Result<void> Parser::ParseFill(VectorMatching* matching) {
  while (true) {
    TokenKind side = token_.kind;
    if (side < TokenKind::kFill || side > TokenKind::kFillRight) return {};
    if (PeekKind() != TokenKind::kLeftParen) return {};
    bool left = side != TokenKind::kFillRight;
    bool right = side != TokenKind::kFillLeft;
    if ((left && matching->fill_left) || (right && matching->fill_right)) return Unexpected();
    Advance();
    double value = TRY(ParseFillValue());
    if (left) matching->fill_left = value;
    if (right) matching->fill_right = value;
  }
}

Result<double> Parser::ParseFillValue() {
  Advance();  // the parenthesis was seen
  bool negative = At(TokenKind::kSub);
  if (negative || At(TokenKind::kAdd)) Advance();
  if (!At(TokenKind::kNumber) && !At(TokenKind::kDuration)) return Unexpected();
  double value = TRY(NumberValue());
  Advance();
  TRY(Expect(TokenKind::kRightParen, {}, {}));
  return negative ? -value : value;
}

// In parentheses; a comma may follow the last label.
Result<std::vector<std::string>> Parser::ParseLabelList() {
  TRY(Expect(TokenKind::kLeftParen, kGrouping, "\"(\""));
  std::vector<std::string> labels;
  while (!At(TokenKind::kRightParen)) {
    labels.push_back(TRY(ParseGroupingLabel()));
    if (At(TokenKind::kRightParen)) break;
    TRY(Expect(TokenKind::kComma, kGrouping, "\",\" or \")\""));
  }
  Advance();
  return labels;
}

Result<std::string> Parser::ParseGroupingLabel() {
  std::string label;
  if (IsWord(token_.kind)) {
    label = token_.text;
  } else if (At(TokenKind::kString)) {
    label = Unquote(token_.text);
    if (label.empty() || !base::IsValidUtf8(label)) {
      return FailAt(token_.pos, base::StrCat("invalid label name ", base::Quote(label)));
    }
  } else {
    return Unexpected(kGrouping, "label");
  }
  Advance();
  return label;
}

}  // namespace slurmscope::promql
