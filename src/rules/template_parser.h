#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace slurmscope::rules {

// Why a template cannot be parsed or executed. Thrown through parser and executor; template.cc
// catches it.
struct TemplateFailure {
  std::string message;
};

enum class TemplateNodeKind {
  kList,
  kText,
  kAction,
  kIf,
  kRange,
  kWith,
  kTemplate,
  kBreak,
  kContinue,
  kEnd,   // only while parsing
  kElse,  // only while parsing
  kPipe,
  kCommand,
  kField,
  kVariable,
  kChain,
  kDot,
  kNil,
  kBool,
  kNumber,
  kString,
  kIdentifier,
};

struct TemplateNode;
using TemplateNodePtr = std::unique_ptr<TemplateNode>;

// A node of the tree; which members mean something depends on the kind.
struct TemplateNode {
  TemplateNodeKind kind = TemplateNodeKind::kList;
  size_t pos = 0;
  std::string text;                // as written: text, number, quoted string, name
  std::string value;               // of a string, without quotes
  bool flag = false;               // of a bool; of a pipe: "=" instead of ":="
  std::vector<std::string> names;  // fields; of a variable its name first; variables of a pipe
  std::vector<TemplateNodePtr> children;  // of a list, pipe (commands) or command (operands)
  TemplateNodePtr pipe;                   // of actions; the operand of a chain
  TemplateNodePtr list;
  TemplateNodePtr else_list;
};

// The node as Go prints it, in error texts.
std::string ToString(const TemplateNode& node);

struct ParsedTemplate {
  std::string name;
  std::string text;
  std::map<std::string, TemplateNodePtr> templates;  // the main one under `name`

  // "name:line:column" of a byte.
  std::string Place(size_t pos) const;
};

// Parses a template and those it defines. Throws TemplateFailure with Go's wording:
// `template: NAME:1: unexpected "}" in operand`. Nesting is bounded.
ParsedTemplate ParseTemplate(std::string_view name, std::string_view text);

// Whether templates know a function of this name (template_functions.cc).
bool IsTemplateFunction(std::string_view name);

// The value of a number as Go's constants: an int64_t, or a double where it is written as one.
// Nothing when it is no number or an int that does not fit.
std::optional<std::variant<int64_t, double>> GoNumber(const std::string& text);
// The value of 'x'.
std::optional<int64_t> GoCharacter(std::string_view quoted);

// Go's strconv.Unquote for "...", '...' and `...`; false when it is not valid.
bool GoUnquote(std::string_view quoted, std::string* out);

}  // namespace slurmscope::rules
