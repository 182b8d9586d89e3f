#include "rules/template_compiler.h"

#include <algorithm>

#include "base/strings.h"
#include "rules/template_compiler_impl.h"

namespace slurmscope::rules {

using base::Quote;
using base::StrCat;

TemplateProgram TemplateCompiler::Compile() && {
  Block main;
  std::string end = Body(main);
  if (!end.empty()) source_.Fail(StrCat("unexpected {{", end, "}}"));
  Define(program_.name, std::move(main));
  return std::move(program_);
}

// Statements up to {{end}} or {{else}}, whose word it returns behind which the source stands, or up
// to the end of the text: "".
std::string TemplateCompiler::Body(Block& block) {
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

bool TemplateCompiler::Keyword(const std::string& word, Block& block) {
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

void TemplateCompiler::Finish(std::string_view context) {
  source_.SkipSpace();
  if (!source_.AtClose()) source_.Unexpected(context);
  source_.Close();
}

std::string TemplateCompiler::Inner(Block& block) {
  std::string end = Body(block);
  if (end.empty()) source_.Fail("unexpected EOF");
  return end;
}

void TemplateCompiler::Branches(const std::string& word, Block& block) {
  size_t known = variables_.size();
  auto branch = std::make_unique<Branch>();
  branch->moves_dot = word == "with";
  branch->condition = Whole(word);
  Otherwise(Inner(branch->then), branch->otherwise);
  variables_.resize(known);
  block.push_back(std::move(branch));
}

void TemplateCompiler::Otherwise(const std::string& end, Block& block) {
  if (end == "end") return;
  if (source_.inside()) {  // "{{else if": one {{end}} closes both
    Keyword(source_.PeekWord(), block);
    return;
  }
  if (Inner(block) != "end") source_.Fail("expected end; found {{else}}");
}

void TemplateCompiler::Loops(Block& block) {
  size_t known = variables_.size();
  auto loop = std::make_unique<Loop>();
  loop->over = Whole("range");
  ++loops_;
  std::string end = Inner(loop->body);
  --loops_;
  Otherwise(end, loop->otherwise);
  variables_.resize(known);
  block.push_back(std::move(loop));
}

void TemplateCompiler::Leaves(const std::string& word, Block& block) {
  Finish(StrCat("{{", word, "}}"));
  if (loops_ == 0) source_.Fail(StrCat("{{", word, "}} outside {{range}}"));
  block.push_back(std::make_unique<Leave>(word == "break" ? Flow::kBreak : Flow::kContinue));
}

std::string TemplateCompiler::Name(const std::string& context) {
  source_.SkipSpace();
  if (source_.Peek() != '"' && source_.Peek() != '`') source_.Unexpected(context);
  std::string name;
  if (!GoUnquote(source_.TakeQuoted(), &name)) source_.Fail("invalid syntax");
  return name;
}

void TemplateCompiler::Includes(const std::string& word, Block& block) {
  std::string context = word + " clause";
  auto include = std::make_unique<Include>();
  source_.SkipSpace();
  include->place.position = source_.position();
  include->name = Name(context);
  source_.SkipSpace();
  if (word == "template" && source_.AtClose()) {
    source_.Close();
  } else {
    include->argument = Whole(context);
  }
  include->place.written = StrCat("{{template ", Quote(include->name), include->argument ? " " : "",
                                  include->argument ? include->argument->written : "", "}}");
  if (word == "block") Defines(context, include->name);
  block.push_back(std::move(include));
}

void TemplateCompiler::Defines(const std::string& context, const std::string& name) {
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
void TemplateCompiler::Define(const std::string& name, Block block) {
  auto blank = [](const Block& b) {
    return std::all_of(b.begin(), b.end(), [](const auto& s) { return s->Blank(); });
  };
  auto found = program_.blocks.find(name);
  if (found != program_.blocks.end() && blank(block)) return;
  if (found != program_.blocks.end() && !blank(found->second))
    source_.Fail(StrCat("template: multiple definition of template ", Quote(name)));
  program_.blocks.insert_or_assign(name, std::move(block));
}

TemplateProgram CompileTemplate(std::string_view name, std::string_view text) {
  return TemplateCompiler(name, text).Compile();
}

}  // namespace slurmscope::rules
