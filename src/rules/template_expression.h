#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/template_functions.h"
#include "rules/template_source.h"
#include "rules/template_value.h"

namespace slurmscope::rules {

// A place of a template that errors may name.
struct Part {
  size_t position = 0;
  std::string written;
};

class Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct TemplateProgram {
  std::string name;
  std::string text;
  std::map<std::string, Block> blocks;  // the main one under `name`
};

// What a running template knows. One thread.
class Frame {
 public:
  Frame(const TemplateProgram& compiled, TemplateValue data, const TemplateContext& context)
      : program(compiled), calls{context}, dot(data) {
    variables.emplace_back("$", std::move(data));
  }

  [[noreturn]] void Fail(std::string_view problem) const;
  void Step();
  void Write(std::string_view text);
  TemplateValue& Variable(const std::string& name);

  const TemplateProgram& program;
  CallContext calls;
  TemplateValue dot;
  std::vector<std::pair<std::string, TemplateValue>> variables;
  std::string_view running;  // the name of the block
  const Part* at = nullptr;  // what was looked at last
  std::string out;
  int depth = 0;

 private:
  int steps_ = 0;
};

class Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

// What an expression is given: arguments beside it, and the value piped into it.
struct Given {
  const std::vector<ExpressionPtr>* beside = nullptr;
  const TemplateValue* piped = nullptr;
  size_t count() const {
    return (beside == nullptr ? 0 : beside->size()) + (piped == nullptr ? 0 : 1);
  }
};

class Expression : public Part {
 public:
  virtual ~Expression() = default;
  virtual TemplateValue Evaluate(Frame& frame, const Given& given) const = 0;
  // As an argument of a function.
  virtual TemplateValue Argument(Frame& frame, Want want) const;
  virtual bool callable() const { return false; }  // may stand behind a '|'
};

class Literal : public Expression {
 public:
  explicit Literal(TemplateValue value) : value_(std::move(value)) {}
  TemplateValue Evaluate(Frame& frame, const Given& given) const override;
  TemplateValue Argument(Frame& frame, Want want) const override;

 private:
  TemplateValue value_;
};

// "." or, with a name, "$name".
class Named : public Expression {
 public:
  TemplateValue Evaluate(Frame& frame, const Given& given) const override;
  bool callable() const override { return true; }
};

// Fields or methods of something, one after the other.
class Path : public Expression {
 public:
  TemplateValue Evaluate(Frame& frame, const Given& given) const override;
  bool callable() const override { return true; }
  ExpressionPtr base;
  std::vector<std::string> names;
};

class Function : public Expression {
 public:
  TemplateValue Evaluate(Frame& frame, const Given& given) const override;
  bool callable() const override { return true; }
  const TemplateFunction* function = nullptr;
  const Part* whole = this;  // the call with its arguments
};

class Call : public Expression {
 public:
  TemplateValue Evaluate(Frame& frame, const Given& given) const override;
  bool callable() const override { return head->callable(); }
  ExpressionPtr head;
  std::vector<ExpressionPtr> beside;
};

// Calls joined by '|', whose value variables may take.
class Pipeline : public Expression {
 public:
  TemplateValue Evaluate(Frame& frame, const Given& given) const override;
  bool callable() const override { return true; }
  TemplateValue Value(Frame& frame) const;  // without setting variables
  void Set(Frame& frame, const std::string& name, TemplateValue value) const;

  std::vector<std::string> names;
  bool declares = false;
  std::vector<ExpressionPtr> stages;
};

// A field of a value, or what its method says. template_fields.cc
TemplateValue FieldOf(Frame& frame, const TemplateValue& receiver, const std::string& name,
                      const Given& given);

}  // namespace slurmscope::rules
