#include "rules/template_parser.h"

#include <algorithm>
#include <utility>

#include "base/float_text.h"
#include "base/strings.h"
#include "rules/template_lexer.h"

namespace slurmscope::rules {
namespace {

using base::Quote;
using base::StrCat;
using Kind = TemplateNodeKind;
using Token = TemplateTokenKind;

constexpr int kMaxDepth = 100;

std::string TokenText(const TemplateToken& token) {
  if (token.kind == Token::kEof) return "EOF";
  if (token.kind == Token::kError) return token.text;
  if (token.kind >= Token::kDot) return StrCat("<", token.text, ">");
  if (token.text.size() > 10) return StrCat(Quote(token.text.substr(0, 10)), "...");
  return Quote(token.text);
}

TemplateNodePtr MakeNode(Kind kind, size_t pos) {
  auto node = std::make_unique<TemplateNode>();
  node->kind = kind;
  node->pos = pos;
  return node;
}

std::string NumberProblem(const std::string& text) {
  bool whole = base::ParseFloat(text).has_value();
  return StrCat(whole ? "integer overflow: " : "illegal number syntax: ", Quote(text));
}

std::vector<std::string> FieldNames(std::string_view text) {
  std::vector<std::string> names;
  for (std::string_view name : base::Split(text, '.')) names.emplace_back(name);
  return names;
}

class Parser {
 public:
  Parser(std::string_view name, std::string_view text) : tokens_(LexTemplate(text)) {
    parsed_.name = name;
    parsed_.text = text;
  }

  ParsedTemplate Run() {
    TemplateNodePtr root = MakeNode(Kind::kList, 0);
    while (Peek().kind != Token::kEof) {
      if (TakeDefinition()) continue;
      TemplateNodePtr node = TextOrAction();
      if (node->kind == Kind::kEnd || node->kind == Kind::kElse)
        Fail(StrCat("unexpected ", ToString(*node)));
      root->children.push_back(std::move(node));
    }
    Add(parsed_.name, std::move(root));
    return std::move(parsed_);
  }

 private:
  const TemplateToken& Peek() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  const TemplateToken& Next() {
    const TemplateToken& token = Peek();
    ++at_;
    return token;
  }
  void Back() { --at_; }
  const TemplateToken& PeekNonSpace() {
    while (Peek().kind == Token::kSpace) ++at_;
    return Peek();
  }
  const TemplateToken& NextNonSpace() {
    PeekNonSpace();
    return Next();
  }
  int Line() const { return tokens_[std::min(at_ == 0 ? 0 : at_ - 1, tokens_.size() - 1)].line; }

  [[noreturn]] void Fail(const std::string& problem) const {
    throw TemplateFailure{StrCat("template: ", parsed_.name, ":", Line(), ": ", problem)};
  }
  [[noreturn]] void Unexpected(const TemplateToken& token, std::string_view context) const {
    if (token.kind == Token::kError) {
      std::string extra;
      if (action_line_ != 0 && action_line_ != token.line) {
        extra = StrCat(token.text.ends_with(" action") ? "" : " in action", " started at ",
                       parsed_.name, ":", action_line_);
      }
      Fail(TokenText(token) + extra);
    }
    Fail(StrCat("unexpected ", TokenText(token), " in ", context));
  }
  const TemplateToken& Expect(Token kind, std::string_view context) {
    const TemplateToken& token = NextNonSpace();
    if (token.kind != kind) Unexpected(token, context);
    return token;
  }

  void Add(const std::string& name, TemplateNodePtr root) {
    auto is_blank = [](const TemplateNodePtr& node) {
      return node->kind == Kind::kText && base::TrimSpace(node->text).empty();
    };
    auto is_empty = [&](const TemplateNode& list) {
      return std::all_of(list.children.begin(), list.children.end(), is_blank);
    };
    TemplateNodePtr& slot = parsed_.templates[name];
    if (slot && !is_empty(*slot)) {
      if (is_empty(*root)) return;
      Fail(StrCat("template: multiple definition of template ", Quote(name)));
    }
    slot = std::move(root);
  }

  bool TakeDefinition();
  std::string TemplateName(std::string_view context);
  TemplateNodePtr TextOrAction();
  TemplateNodePtr Action();
  TemplateNodePtr Control(Kind kind, std::string_view context);
  TemplateNodePtr TemplateCall();
  TemplateNodePtr Block(const TemplateToken& keyword);
  TemplateNodePtr LoopExit(Kind kind, const TemplateToken& keyword);
  TemplateNodePtr ElseControl(const TemplateToken& keyword);
  TemplateNodePtr ItemList(TemplateNodePtr* end);
  TemplateNodePtr Pipeline(std::string_view context, Token end);
  void Declarations(std::string_view context, TemplateNode* pipe);
  void CheckPipeline(const TemplateNode& pipe, std::string_view context) const;
  TemplateNodePtr Command();
  TemplateNodePtr Operand();
  TemplateNodePtr Term();
  TemplateNodePtr Literal(Kind kind, const TemplateToken& token);

  struct Level {
    explicit Level(Parser& p) : parser(p) {
      if (++parser.depth_ > kMaxDepth) parser.Fail("nested too deeply");
    }
    ~Level() { --parser.depth_; }
    Parser& parser;
  };

  std::vector<TemplateToken> tokens_;
  size_t at_ = 0;
  ParsedTemplate parsed_;
  std::vector<std::string> variables_ = {"$"};
  int depth_ = 0;
  int range_depth_ = 0;
  int action_line_ = 0;
};

bool Parser::TakeDefinition() {
  if (Peek().kind != Token::kLeftDelim) return false;
  size_t begin = at_;
  Next();
  if (NextNonSpace().kind != Token::kDefine) {
    at_ = begin;
    return false;
  }
  std::string name = TemplateName("define clause");
  Expect(Token::kRightDelim, "define clause");
  std::vector<std::string> outer = std::exchange(variables_, {"$"});
  TemplateNodePtr end;
  TemplateNodePtr list = ItemList(&end);
  if (end->kind != Kind::kEnd) Fail(StrCat("unexpected ", ToString(*end), " in define clause"));
  variables_ = std::move(outer);
  Add(name, std::move(list));
  return true;
}

std::string Parser::TemplateName(std::string_view context) {
  const TemplateToken& token = NextNonSpace();
  std::string name;
  bool quoted = token.kind == Token::kString || token.kind == Token::kRawString;
  if (!quoted) Unexpected(token, context);
  if (!GoUnquote(token.text, &name)) Fail("invalid syntax");
  return name;
}

TemplateNodePtr Parser::TextOrAction() {
  const TemplateToken& token = NextNonSpace();
  if (token.kind == Token::kText) {
    TemplateNodePtr node = MakeNode(Kind::kText, token.pos);
    node->text = token.text;
    return node;
  }
  if (token.kind != Token::kLeftDelim) Unexpected(token, "input");
  action_line_ = token.line;
  TemplateNodePtr node = Action();
  action_line_ = 0;
  return node;
}

TemplateNodePtr Parser::Action() {
  Level level(*this);
  const TemplateToken& token = NextNonSpace();
  switch (token.kind) {
    case Token::kBlock:
      return Block(token);
    case Token::kBreak:
      return LoopExit(Kind::kBreak, token);
    case Token::kContinue:
      return LoopExit(Kind::kContinue, token);
    case Token::kElse:
      return ElseControl(token);
    case Token::kEnd:
      Expect(Token::kRightDelim, "end");
      return MakeNode(Kind::kEnd, token.pos);
    case Token::kIf:
      return Control(Kind::kIf, "if");
    case Token::kRange:
      return Control(Kind::kRange, "range");
    case Token::kTemplate:
      return TemplateCall();
    case Token::kWith:
      return Control(Kind::kWith, "with");
    default:
      break;
  }
  Back();
  TemplateNodePtr node = MakeNode(Kind::kAction, Peek().pos);
  node->pipe = Pipeline("command", Token::kRightDelim);
  return node;
}

TemplateNodePtr Parser::ElseControl(const TemplateToken& keyword) {
  Token next = PeekNonSpace().kind;
  if (next != Token::kIf && next != Token::kWith) Expect(Token::kRightDelim, "else");
  return MakeNode(Kind::kElse, keyword.pos);
}

TemplateNodePtr Parser::LoopExit(Kind kind, const TemplateToken& keyword) {
  std::string name = keyword.text;
  const TemplateToken& token = NextNonSpace();
  if (token.kind != Token::kRightDelim) Unexpected(token, StrCat("{{", name, "}}"));
  if (range_depth_ == 0) Fail(StrCat("{{", name, "}} outside {{range}}"));
  return MakeNode(kind, keyword.pos);
}

TemplateNodePtr Parser::Control(Kind kind, std::string_view context) {
  size_t variables = variables_.size();
  TemplateNodePtr node = MakeNode(kind, Peek().pos);
  node->pipe = Pipeline(context, Token::kRightDelim);
  if (kind == Kind::kRange) ++range_depth_;
  TemplateNodePtr end;
  node->list = ItemList(&end);
  if (kind == Kind::kRange) --range_depth_;
  if (end->kind == Kind::kElse) {
    // "{{else if}}" is an if in the else part; one {{end}} closes both.
    bool chained = (kind == Kind::kIf && Peek().kind == Token::kIf) ||
                   (kind == Kind::kWith && Peek().kind == Token::kWith);
    if (chained) {
      Next();
      Level level(*this);
      node->else_list = MakeNode(Kind::kList, end->pos);
      node->else_list->children.push_back(Control(kind, context));
    } else {
      node->else_list = ItemList(&end);
      if (end->kind != Kind::kEnd) Fail(StrCat("expected end; found ", ToString(*end)));
    }
  }
  variables_.resize(variables);
  return node;
}

TemplateNodePtr Parser::TemplateCall() {
  TemplateNodePtr node = MakeNode(Kind::kTemplate, PeekNonSpace().pos);
  node->value = TemplateName("template clause");
  if (NextNonSpace().kind != Token::kRightDelim) {
    Back();
    node->pipe = Pipeline("template clause", Token::kRightDelim);
  }
  return node;
}

TemplateNodePtr Parser::Block(const TemplateToken& keyword) {
  TemplateNodePtr node = MakeNode(Kind::kTemplate, keyword.pos);
  node->value = TemplateName("block clause");
  node->pipe = Pipeline("block clause", Token::kRightDelim);
  std::vector<std::string> outer = std::exchange(variables_, {"$"});
  TemplateNodePtr end;
  TemplateNodePtr list = ItemList(&end);
  if (end->kind != Kind::kEnd) Fail(StrCat("unexpected ", ToString(*end), " in block clause"));
  variables_ = std::move(outer);
  Add(node->value, std::move(list));
  return node;
}

TemplateNodePtr Parser::ItemList(TemplateNodePtr* end) {
  TemplateNodePtr list = MakeNode(Kind::kList, PeekNonSpace().pos);
  while (PeekNonSpace().kind != Token::kEof) {
    TemplateNodePtr node = TextOrAction();
    if (node->kind == Kind::kEnd || node->kind == Kind::kElse) {
      *end = std::move(node);
      return list;
    }
    list->children.push_back(std::move(node));
  }
  Next();
  Fail("unexpected EOF");
}

// "$x :=", "$x =", and in a range "$i, $x :=".
void Parser::Declarations(std::string_view context, TemplateNode* pipe) {
  while (PeekNonSpace().kind == Token::kVariable) {
    size_t begin = at_;
    std::string name = Next().text;
    const TemplateToken& next = PeekNonSpace();
    bool assigns = next.kind == Token::kAssign || next.kind == Token::kDeclare;
    bool comma = next.kind == Token::kChar && next.text == ",";
    if (!assigns && !comma) {
      at_ = begin;
      return;
    }
    pipe->flag = next.kind == Token::kAssign;
    Next();
    pipe->names.push_back(name);
    variables_.push_back(name);
    if (assigns) return;
    if (context != "range" || pipe->names.size() >= 2)
      Fail(StrCat("too many declarations in ", context));
    Token after = PeekNonSpace().kind;
    if (after != Token::kVariable && after != Token::kRightDelim && after != Token::kRightParen)
      Fail("range can only initialize variables");
  }
}

TemplateNodePtr Parser::Pipeline(std::string_view context, Token end) {
  Level level(*this);
  TemplateNodePtr pipe = MakeNode(Kind::kPipe, PeekNonSpace().pos);
  Declarations(context, pipe.get());
  while (true) {
    const TemplateToken& token = NextNonSpace();
    if (token.kind == end) {
      CheckPipeline(*pipe, context);
      return pipe;
    }
    switch (token.kind) {
      case Token::kBool:
      case Token::kCharConstant:
      case Token::kDot:
      case Token::kField:
      case Token::kIdentifier:
      case Token::kNumber:
      case Token::kNil:
      case Token::kRawString:
      case Token::kString:
      case Token::kVariable:
      case Token::kLeftParen:
        Back();
        pipe->children.push_back(Command());
        break;
      default:
        Unexpected(token, context);
    }
  }
}

void Parser::CheckPipeline(const TemplateNode& pipe, std::string_view context) const {
  if (pipe.children.empty()) Fail(StrCat("missing value for ", context));
  for (size_t i = 1; i < pipe.children.size(); ++i) {
    switch (pipe.children[i]->children.front()->kind) {
      case Kind::kBool:
      case Kind::kDot:
      case Kind::kNil:
      case Kind::kNumber:
      case Kind::kString:
        Fail(StrCat("non executable command in pipeline stage ", i + 1));
      default:
        break;
    }
  }
}

TemplateNodePtr Parser::Command() {
  TemplateNodePtr command = MakeNode(Kind::kCommand, PeekNonSpace().pos);
  while (true) {
    PeekNonSpace();
    if (TemplateNodePtr operand = Operand()) command->children.push_back(std::move(operand));
    const TemplateToken& token = Next();
    if (token.kind == Token::kSpace) continue;
    if (token.kind == Token::kRightDelim || token.kind == Token::kRightParen) {
      Back();
    } else if (token.kind != Token::kPipe) {
      Unexpected(token, "operand");
    }
    break;
  }
  if (command->children.empty()) Fail("empty command");
  return command;
}

TemplateNodePtr Parser::Operand() {
  TemplateNodePtr node = Term();
  if (!node || Peek().kind != Token::kField) return node;
  size_t pos = Peek().pos;
  std::vector<std::string> fields;
  while (Peek().kind == Token::kField) fields.push_back(Next().text.substr(1));
  switch (node->kind) {
    case Kind::kField:
    case Kind::kVariable:
      node->pos = pos;
      node->names.insert(node->names.end(), fields.begin(), fields.end());
      return node;
    case Kind::kBool:
    case Kind::kString:
    case Kind::kNumber:
    case Kind::kNil:
    case Kind::kDot:
      Fail(StrCat("unexpected . after term ", Quote(ToString(*node))));
    default:
      break;
  }
  TemplateNodePtr chain = MakeNode(Kind::kChain, pos);
  chain->pipe = std::move(node);
  chain->names = std::move(fields);
  return chain;
}

TemplateNodePtr Parser::Literal(Kind kind, const TemplateToken& token) {
  TemplateNodePtr node = MakeNode(kind, token.pos);
  node->text = token.text;
  return node;
}

TemplateNodePtr Parser::Term() {
  const TemplateToken& token = NextNonSpace();
  switch (token.kind) {
    case Token::kIdentifier:
      if (!IsTemplateFunction(token.text))
        Fail(StrCat("function ", Quote(token.text), " not defined"));
      return Literal(Kind::kIdentifier, token);
    case Token::kDot:
      return Literal(Kind::kDot, token);
    case Token::kNil:
      return Literal(Kind::kNil, token);
    case Token::kVariable: {
      bool known = std::find(variables_.begin(), variables_.end(), token.text) != variables_.end();
      if (!known) Fail(StrCat("undefined variable ", Quote(token.text)));
      TemplateNodePtr node = Literal(Kind::kVariable, token);
      node->names = {token.text};
      return node;
    }
    case Token::kField: {
      TemplateNodePtr node = Literal(Kind::kField, token);
      node->names = FieldNames(std::string_view(token.text).substr(1));
      return node;
    }
    case Token::kBool: {
      TemplateNodePtr node = Literal(Kind::kBool, token);
      node->flag = token.text == "true";
      return node;
    }
    case Token::kCharConstant:
    case Token::kNumber: {
      TemplateNodePtr node = Literal(Kind::kNumber, token);
      bool character = token.kind == Token::kCharConstant;
      if (character && !GoCharacter(token.text))
        Fail(StrCat("malformed character constant: ", token.text));
      if (!character && !GoNumber(token.text)) Fail(NumberProblem(token.text));
      return node;
    }
    case Token::kLeftParen:
      return Pipeline("parenthesized pipeline", Token::kRightParen);
    case Token::kString:
    case Token::kRawString: {
      TemplateNodePtr node = Literal(Kind::kString, token);
      if (!GoUnquote(token.text, &node->value)) Fail("invalid syntax");
      return node;
    }
    default:
      Back();
      return nullptr;
  }
}

std::string JoinNodes(const std::vector<TemplateNodePtr>& nodes, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (i > 0) out += separator;
    bool nested = nodes[i]->kind == Kind::kPipe;
    out += nested ? StrCat("(", ToString(*nodes[i]), ")") : ToString(*nodes[i]);
  }
  return out;
}

std::string ControlText(std::string_view name, const TemplateNode& node) {
  std::string out = StrCat("{{", name, " ", ToString(*node.pipe), "}}", ToString(*node.list));
  if (node.else_list) out += StrCat("{{else}}", ToString(*node.else_list));
  return out + "{{end}}";
}

}  // namespace

std::string ToString(const TemplateNode& node) {
  switch (node.kind) {
    case Kind::kList:
      return JoinNodes(node.children, "");
    case Kind::kAction:
      return StrCat("{{", ToString(*node.pipe), "}}");
    case Kind::kIf:
      return ControlText("if", node);
    case Kind::kRange:
      return ControlText("range", node);
    case Kind::kWith:
      return ControlText("with", node);
    case Kind::kTemplate:
      return StrCat("{{template ", Quote(node.value), node.pipe ? " " : "",
                    node.pipe ? ToString(*node.pipe) : "", "}}");
    case Kind::kBreak:
      return "{{break}}";
    case Kind::kContinue:
      return "{{continue}}";
    case Kind::kEnd:
      return "{{end}}";
    case Kind::kElse:
      return "{{else}}";
    case Kind::kPipe:
      return StrCat(base::Join(node.names, ", "),
                    node.names.empty() ? ""
                    : node.flag        ? " = "
                                       : " := ",
                    JoinNodes(node.children, " | "));
    case Kind::kCommand:
      return JoinNodes(node.children, " ");
    case Kind::kField:
      return "." + base::Join(node.names, ".");
    case Kind::kVariable:
      return base::Join(node.names, ".");
    case Kind::kChain: {
      bool nested = node.pipe->kind == Kind::kPipe;
      std::string operand = ToString(*node.pipe);
      return StrCat(nested ? StrCat("(", operand, ")") : operand, ".", base::Join(node.names, "."));
    }
    case Kind::kDot:
      return ".";
    case Kind::kNil:
      return "nil";
    default:
      return node.text;
  }
}

std::string ParsedTemplate::Place(size_t pos) const {
  std::string_view before = std::string_view(text).substr(0, pos);
  size_t newline = before.rfind('\n');
  size_t column = newline == std::string_view::npos ? pos : pos - newline - 1;
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  return StrCat(name, ":", line, ":", column);
}

ParsedTemplate ParseTemplate(std::string_view name, std::string_view text) {
  return Parser(name, text).Run();
}

}  // namespace slurmscope::rules
