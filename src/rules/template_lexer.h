#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slurmscope::rules {

enum class TemplateTokenKind {
  kError,  // text: what is wrong
  kEof,
  kText,  // outside of {{ }}
  kLeftDelim,
  kRightDelim,
  kSpace,
  kBool,
  kChar,  // punctuation without a meaning of its own
  kCharConstant,
  kNumber,
  kString,
  kRawString,
  kIdentifier,
  kField,     // ".name"
  kVariable,  // "$" or "$name"
  kPipe,
  kAssign,
  kDeclare,
  kLeftParen,
  kRightParen,
  kDot,
  // Keywords.
  kBlock,
  kBreak,
  kContinue,
  kDefine,
  kElse,
  kEnd,
  kIf,
  kNil,
  kRange,
  kTemplate,
  kWith,
};

struct TemplateToken {
  TemplateTokenKind kind = TemplateTokenKind::kEof;
  size_t pos = 0;  // byte in the text
  int line = 1;
  std::string text;
};

// Cuts a Go template (https://pkg.go.dev/text/template) into tokens, up to the first error, which
// is the last token then. Trim markers are applied, comments left out.
std::vector<TemplateToken> LexTemplate(std::string_view text);

}  // namespace slurmscope::rules
