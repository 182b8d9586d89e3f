#include <algorithm>

#include "base/strings.h"
#include "rules/template_compiler_impl.h"

namespace slurmscope::rules {

using base::Quote;
using base::StrAppend;
using base::StrCat;

std::unique_ptr<Pipeline> TemplateCompiler::Whole(const std::string& context) {
  auto pipe = Pipe(context);
  source_.NeedAction();
  if (!source_.AtClose()) source_.Unexpected(context);
  source_.Close();
  return pipe;
}

// "$x :=", "$x =", and in a range "$i, $x :=".
void TemplateCompiler::Targets(Pipeline& pipe, const std::string& context) {
  size_t start = source_.position();
  while (source_.Peek() == '$') {
    source_.Take("$");
    pipe.names.push_back("$" + source_.TakeWord());
    source_.SkipSpace();
    if (source_.Take(",")) {
      if (context != "range" || pipe.names.size() > 1)
        source_.Fail(StrCat("too many declarations in ", context));
      source_.SkipSpace();
      if (source_.Peek() != '$') source_.Fail("range can only initialize variables");
      continue;
    }
    pipe.declares = source_.Take(":=");
    if (!pipe.declares && !source_.Take("=")) break;
    if (pipe.declares) variables_.insert(variables_.end(), pipe.names.begin(), pipe.names.end());
    pipe.written = StrCat(base::Join(pipe.names, ", "), pipe.declares ? " := " : " = ");
    return;
  }
  pipe.names.clear();
  source_.Rewind(start);
}

std::unique_ptr<Pipeline> TemplateCompiler::Pipe(const std::string& context) {
  Level level(*this);
  auto pipe = std::make_unique<Pipeline>();
  source_.SkipSpace();
  pipe->position = source_.position();
  Targets(*pipe, context);
  source_.SkipSpace();
  bool inside = context == "parenthesized pipeline";
  auto ends = [&] { return source_.AtClose() || (inside && source_.Peek() == ')'); };
  while (!ends()) {
    pipe->stages.push_back(Stage(context));
    const Expression& stage = *pipe->stages.back();
    StrAppend(pipe->written, pipe->stages.size() > 1 ? " | " : "", stage.written);
    source_.SkipSpace();
    if (!source_.Take("|")) break;
    source_.SkipSpace();
    if (ends()) source_.Fail(StrCat("missing value for ", context));
  }
  if (pipe->stages.empty()) source_.Fail(StrCat("missing value for ", context));
  for (size_t i = 1; i < pipe->stages.size(); ++i) {
    if (!pipe->stages[i]->callable())
      source_.Fail(StrCat("non executable command in pipeline stage ", i + 1));
  }
  return pipe;
}

ExpressionPtr TemplateCompiler::Stage(const std::string& context) {
  auto call = std::make_unique<Call>();
  call->position = source_.position();
  call->head = Operand();
  if (!call->head) source_.Unexpected(context);
  call->written = call->head->written;
  if (auto* function = dynamic_cast<Function*>(call->head.get())) function->whole = call.get();
  while (true) {
    bool spaced = source_.SkipSpace();
    source_.NeedAction();
    bool closes = source_.Peek() == ')' && source_.parens > 0;
    if (source_.AtClose() || source_.Peek() == '|' || closes) return call;
    ExpressionPtr argument = spaced ? Operand() : nullptr;
    if (!argument) source_.Unexpected("operand");
    StrAppend(call->written, " ", argument->written);
    call->beside.push_back(std::move(argument));
  }
}

// A term with the fields behind it; nullptr when there is none.
ExpressionPtr TemplateCompiler::Operand() {
  size_t start = source_.position();
  ExpressionPtr term = Term();
  if (!term || source_.Peek() != '.') return term;
  if (source_.position() == start + 1 && term->written == ".") return term;
  auto path = std::make_unique<Path>();
  path->position = source_.position();
  if (dynamic_cast<Literal*>(term.get()) != nullptr)
    source_.Fail(StrCat("unexpected . after term ", Quote(term->written)));
  path->written = term->written;
  if (auto* inner = dynamic_cast<Path*>(term.get())) {
    path->names = std::move(inner->names);
    path->base = std::move(inner->base);
  } else {
    path->base = std::move(term);
  }
  while (source_.Peek() == '.' && source_.Take(".")) {
    path->names.push_back(source_.TakeWord());
    if (path->names.back().empty()) {
      source_.Rewind(source_.position() - 1);
      source_.Unexpected("operand");
    }
    StrAppend(path->written, ".", path->names.back());
  }
  return path;
}

ExpressionPtr TemplateCompiler::Term() {
  source_.NeedAction();
  size_t start = source_.position();
  ExpressionPtr term;
  if (source_.Take("(")) {
    ++source_.parens;
    auto pipe = Pipe("parenthesized pipeline");
    source_.NeedAction();
    if (source_.AtClose()) source_.Fail("unclosed left paren");
    if (!source_.Take(")")) source_.Unexpected("parenthesized pipeline");
    --source_.parens;
    pipe->written = StrCat("(", pipe->written, ")");
    term = std::move(pipe);
  } else if (source_.Peek() == '$') {
    term = Variable();
  } else if (source_.Peek() == '.' && !source_.AtNumber()) {
    source_.Take(".");
    term = std::make_unique<Named>();
    term->written = ".";
    std::string field = source_.TakeWord();
    if (!field.empty()) {
      auto path = std::make_unique<Path>();
      path->base = std::move(term);
      path->written = "." + field;
      path->names = {field};
      term = std::move(path);
    }
  } else {
    term = source_.PeekWord().empty() || source_.AtNumber() ? Constant() : Word();
  }
  if (term) term->position = start;
  return term;
}

ExpressionPtr TemplateCompiler::Variable() {
  source_.Take("$");
  auto variable = std::make_unique<Named>();
  variable->written = "$" + source_.TakeWord();
  if (std::find(variables_.begin(), variables_.end(), variable->written) == variables_.end())
    source_.Fail(StrCat("undefined variable ", Quote(variable->written)));
  return variable;
}

// A number, a character or a string; nullptr when it is none of them.
ExpressionPtr TemplateCompiler::Constant() {
  TemplateValue value;
  std::string written;
  char first = source_.Peek();
  if (source_.AtNumber()) {
    written = source_.TakeNumber();
    auto number = GoNumber(written);
    bool whole = written.find_first_not_of("0123456789") == std::string::npos;
    if (!number) {
      source_.Fail(
          StrCat(whole ? "integer overflow: " : "illegal number syntax: ", Quote(written)));
    }
    value = std::visit([](auto n) { return TemplateValue(n); }, *number);
  } else if (first == '\'') {
    written = source_.TakeQuoted();
    auto character = GoCharacter(written);
    if (!character) source_.Fail(StrCat("malformed character constant: ", written));
    value = *character;
  } else if (first == '"' || first == '`') {
    written = source_.TakeQuoted();
    std::string text;
    if (!GoUnquote(written, &text)) source_.Fail("invalid syntax");
    value = std::move(text);
  } else {
    return nullptr;
  }
  auto literal = std::make_unique<Literal>(std::move(value));
  literal->written = std::move(written);
  return literal;
}

// true, false, nil or a function; nullptr before another word that means something.
ExpressionPtr TemplateCompiler::Word() {
  constexpr std::string_view kOthers[] = {"block", "break", "continue", "define",   "else",
                                          "end",   "if",    "range",    "template", "with"};
  std::string word = source_.PeekWord();
  if (std::find(std::begin(kOthers), std::end(kOthers), word) != std::end(kOthers)) return nullptr;
  source_.TakeWord();
  ExpressionPtr expression;
  if (word == "true" || word == "false") {
    expression = std::make_unique<Literal>(word == "true");
  } else if (word == "nil") {
    expression = std::make_unique<Literal>(NilValue{});
  } else {
    auto function = std::make_unique<Function>();
    function->function = FindTemplateFunction(word);
    if (function->function == nullptr)
      source_.Fail(StrCat("function ", Quote(word), " not defined"));
    expression = std::move(function);
  }
  expression->written = word;
  return expression;
}

}  // namespace slurmscope::rules
