#include "rules/template_compiler.h"

#include <algorithm>
#include <variant>

#include "base/strings.h"

namespace slurmscope::rules {
namespace {

using base::Quote;
using base::StrAppend;
using base::StrCat;

constexpr int kMaxDepth = 100;

class Compiler {
 public:
  Compiler(std::string_view name, std::string_view text) : source_(std::string(name), text) {
    program_.name = name;
    program_.text = text;
  }

  TemplateProgram Compile() && {
    Block main;
    std::string end = Body(main);
    if (!end.empty()) source_.Fail(StrCat("unexpected {{", end, "}}"));
    Define(program_.name, std::move(main));
    return std::move(program_);
  }

 private:
  class Level {
   public:
    explicit Level(Compiler& compiler) : compiler_(compiler) {
      if (++compiler_.depth_ > kMaxDepth) compiler_.source_.Fail("nested too deeply");
    }
    ~Level() { --compiler_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Compiler& compiler_;
  };

  std::string Body(Block& block);
  bool Keyword(const std::string& word, Block& block);
  std::string Inner(Block& block);
  void Branches(const std::string& word, Block& block);
  void Otherwise(std::string end, Block& block);
  void Loops(Block& block);
  void Leaves(const std::string& word, Block& block);
  void Includes(const std::string& word, Block& block);
  void Defines(const std::string& context, const std::string& name);
  std::string Name(const std::string& context);
  void Finish(std::string_view context);
  void Define(const std::string& name, Block block);

  std::unique_ptr<Pipeline> Whole(const std::string& context);  // up to the end of the action
  std::unique_ptr<Pipeline> Pipe(const std::string& context);
  void Targets(Pipeline& pipe, const std::string& context);
  ExpressionPtr Stage(const std::string& context);
  ExpressionPtr Operand();
  ExpressionPtr Term();
  ExpressionPtr Constant();
  ExpressionPtr Word();
  ExpressionPtr Variable();

  TemplateSource source_;
  TemplateProgram program_;
  std::vector<std::string> variables_ = {"$"};
  int depth_ = 0;
  int loops_ = 0;
};

// Statements up to {{end}} or {{else}}, whose word it returns behind which the source stands, or up
// to the end of the text: "".
std::string Compiler::Body(Block& block) {
  while (true) {
    std::string text = source_.TakeText();
    if (!text.empty()) block.push_back(std::make_unique<Text>(std::move(text)));
    if (source_.done()) {
      if (source_.inside()) source_.NeedAction();
      return "";
    }
    source_.SkipSpace();
    std::string word = source_.PeekWord();
    if (word == "end" || word == "else") {
      source_.TakeWord();
      source_.SkipSpace();
      bool chained = word == "else" && (source_.PeekWord() == "if" || source_.PeekWord() == "with");
      if (!chained) Finish(word);
      return word;
    }
    if (Keyword(word, block)) continue;
    block.push_back(std::make_unique<Print>(Whole("command")));
  }
}

bool Compiler::Keyword(const std::string& word, Block& block) {
  constexpr std::string_view kWords[] = {"if",       "with",  "range",  "break",
                                         "continue", "block", "define", "template"};
  if (std::find(std::begin(kWords), std::end(kWords), word) == std::end(kWords)) return false;
  Level level(*this);
  source_.TakeWord();
  if (word == "if" || word == "with") Branches(word, block);
  if (word == "range") Loops(block);
  if (word == "break" || word == "continue") Leaves(word, block);
  if (word == "template" || word == "block") Includes(word, block);
  if (word == "define") {
    std::string name = Name("define clause");
    Finish("define clause");
    Defines("define clause", name);
  }
  return true;
}

void Compiler::Finish(std::string_view context) {
  source_.SkipSpace();
  if (!source_.AtClose()) source_.Unexpected(context);
  source_.Close();
}

std::string Compiler::Inner(Block& block) {
  std::string end = Body(block);
  if (end.empty()) source_.Fail("unexpected EOF");
  return end;
}

void Compiler::Branches(const std::string& word, Block& block) {
  size_t known = variables_.size();
  auto branch = std::make_unique<Branch>();
  branch->moves_dot = word == "with";
  branch->condition = Whole(word);
  Otherwise(Inner(branch->then), branch->otherwise);
  variables_.resize(known);
  block.push_back(std::move(branch));
}

void Compiler::Otherwise(std::string end, Block& block) {
  if (end == "end") return;
  if (source_.inside()) {  // "{{else if": one {{end}} closes both
    Keyword(source_.PeekWord(), block);
    return;
  }
  if (Inner(block) != "end") source_.Fail("expected end; found {{else}}");
}

void Compiler::Loops(Block& block) {
  size_t known = variables_.size();
  auto loop = std::make_unique<Loop>();
  loop->over = Whole("range");
  ++loops_;
  std::string end = Inner(loop->body);
  --loops_;
  Otherwise(std::move(end), loop->otherwise);
  variables_.resize(known);
  block.push_back(std::move(loop));
}

void Compiler::Leaves(const std::string& word, Block& block) {
  Finish(StrCat("{{", word, "}}"));
  if (loops_ == 0) source_.Fail(StrCat("{{", word, "}} outside {{range}}"));
  block.push_back(std::make_unique<Leave>(word == "break" ? Flow::kBreak : Flow::kContinue));
}

std::string Compiler::Name(const std::string& context) {
  source_.SkipSpace();
  if (source_.Peek() != '"' && source_.Peek() != '`') source_.Unexpected(context);
  std::string name;
  if (!GoUnquote(source_.TakeQuoted(), &name)) source_.Fail("invalid syntax");
  return name;
}

void Compiler::Includes(const std::string& word, Block& block) {
  std::string context = word + " clause";
  auto include = std::make_unique<Include>();
  source_.SkipSpace();
  include->place.position = source_.position();
  include->name = Name(context);
  source_.SkipSpace();
  if (word == "template" && source_.AtClose())
    source_.Close();
  else
    include->argument = Whole(context);
  include->place.written = StrCat("{{template ", Quote(include->name), include->argument ? " " : "",
                                  include->argument ? include->argument->written : "", "}}");
  if (word == "block") Defines(context, include->name);
  block.push_back(std::move(include));
}

void Compiler::Defines(const std::string& context, const std::string& name) {
  auto outer = std::exchange(variables_, {"$"});
  int loops = std::exchange(loops_, 0);
  Block body;
  std::string end = Inner(body);
  if (end != "end") source_.Fail(StrCat("unexpected {{", end, "}} in ", context));
  variables_ = std::move(outer);
  loops_ = loops;
  Define(name, std::move(body));
}

// What holds nothing but space does not replace what was there.
void Compiler::Define(const std::string& name, Block block) {
  auto blank = [](const Block& b) {
    return std::all_of(b.begin(), b.end(), [](const auto& s) { return s->Blank(); });
  };
  auto found = program_.blocks.find(name);
  if (found != program_.blocks.end() && blank(block)) return;
  if (found != program_.blocks.end() && !blank(found->second))
    source_.Fail(StrCat("template: multiple definition of template ", Quote(name)));
  program_.blocks.insert_or_assign(name, std::move(block));
}

std::unique_ptr<Pipeline> Compiler::Whole(const std::string& context) {
  auto pipe = Pipe(context);
  source_.NeedAction();
  if (!source_.AtClose()) source_.Unexpected(context);
  source_.Close();
  return pipe;
}

// "$x :=", "$x =", and in a range "$i, $x :=".
void Compiler::Targets(Pipeline& pipe, const std::string& context) {
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

std::unique_ptr<Pipeline> Compiler::Pipe(const std::string& context) {
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

ExpressionPtr Compiler::Stage(const std::string& context) {
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
ExpressionPtr Compiler::Operand() {
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

ExpressionPtr Compiler::Term() {
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

ExpressionPtr Compiler::Variable() {
  source_.Take("$");
  auto variable = std::make_unique<Named>();
  variable->written = "$" + source_.TakeWord();
  if (std::find(variables_.begin(), variables_.end(), variable->written) == variables_.end())
    source_.Fail(StrCat("undefined variable ", Quote(variable->written)));
  return variable;
}

// A number, a character or a string; nullptr when it is none of them.
ExpressionPtr Compiler::Constant() {
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
ExpressionPtr Compiler::Word() {
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

}  // namespace

TemplateProgram CompileTemplate(std::string_view name, std::string_view text) {
  return Compiler(name, text).Compile();
}

}  // namespace slurmscope::rules
