#pragma once

#include <memory>
#include <string>
#include <utility>

#include "rules/template_expression.h"

namespace slurmscope::rules {

enum class Flow { kOn, kBreak, kContinue };

// One step of a compiled template.
class Statement {
 public:
  virtual ~Statement() = default;
  virtual Flow Run(Frame& frame) const = 0;
  virtual bool Blank() const { return false; }  // nothing but space
};

// Runs a block; variables that it declares are gone behind it.
Flow RunBlock(Frame& frame, const Block& block);

// Text as it stands.
class Text : public Statement {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}
  Flow Run(Frame& frame) const override;
  bool Blank() const override { return text_.find_first_not_of(" \t\r\n") == std::string::npos; }

 private:
  std::string text_;
};

// {{pipeline}}: writes the value, unless variables take it.
class Print : public Statement {
 public:
  explicit Print(std::unique_ptr<Pipeline> what) : what_(std::move(what)) {}
  Flow Run(Frame& frame) const override;

 private:
  std::unique_ptr<Pipeline> what_;
};

// {{if}} and {{with}}.
class Branch : public Statement {
 public:
  Flow Run(Frame& frame) const override;
  std::unique_ptr<Pipeline> condition;
  bool moves_dot = false;
  Block then;
  Block otherwise;
};

// {{range}}.
class Loop : public Statement {
 public:
  Flow Run(Frame& frame) const override;
  std::unique_ptr<Pipeline> over;
  Block body;
  Block otherwise;

 private:
  Flow Turn(Frame& frame, TemplateValue key, TemplateValue value) const;
};

// {{template}} and {{block}}.
class Include : public Statement {
 public:
  Flow Run(Frame& frame) const override;
  std::string name;
  Part place;
  std::unique_ptr<Pipeline> argument;  // may be missing
};

// {{break}} and {{continue}}.
class Leave : public Statement {
 public:
  explicit Leave(Flow flow) : flow_(flow) {}
  Flow Run(Frame&) const override { return flow_; }

 private:
  Flow flow_;
};

// Runs the main block on `data`. Throws TemplateFailure with Go's wording.
std::string RunTemplate(const TemplateProgram& program, TemplateValue data,
                        const TemplateContext& context);

}  // namespace slurmscope::rules
