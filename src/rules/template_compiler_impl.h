#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "rules/template_compiler.h"
#include "rules/template_source.h"

namespace slurmscope::rules {

// Reads one template, statement by statement (template_compiler.cc) and expression by expression
// (template_compiler_expression.cc). Used once, by one thread. Throws TemplateFailure.
class TemplateCompiler {
 public:
  TemplateCompiler(std::string_view name, std::string_view text)
      : source_(std::string(name), text) {
    program_.name = name;
    program_.text = text;
  }

  TemplateProgram Compile() &&;

 private:
  static constexpr int kMaxDepth = 100;

  class Level {
   public:
    explicit Level(TemplateCompiler& compiler) : compiler_(compiler) {
      if (++compiler_.depth_ > kMaxDepth) compiler_.source_.Fail("nested too deeply");
    }
    ~Level() { --compiler_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    TemplateCompiler& compiler_;
  };

  std::string Body(Block& block);
  bool Keyword(const std::string& word, Block& block);
  std::string Inner(Block& block);
  void Branches(const std::string& word, Block& block);
  void Otherwise(const std::string& end, Block& block);
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

}  // namespace slurmscope::rules
