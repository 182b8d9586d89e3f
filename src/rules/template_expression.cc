#include "rules/template_expression.h"

#include <algorithm>

#include "base/strings.h"

namespace slurmscope::rules {
namespace {

using base::Quote;
using base::StrCat;

constexpr int kMaxSteps = 100'000;

// A value where a function wants one of a type.
TemplateValue Fit(Frame& frame, TemplateValue value, Want want) {
  if (!value.valid() || value.nil()) {
    if (want == Want::kString) frame.Fail(StrCat("invalid value; expected ", TypeName(want)));
    return NilValue{};
  }
  bool fits = want == Want::kAny || (want == Want::kString && value.As<std::string>()) ||
              (want == Want::kVector && value.As<std::shared_ptr<const SampleVector>>()) ||
              (want == Want::kSample && value.As<std::shared_ptr<const TemplateSample>>());
  if (!fits) {
    frame.Fail(
        StrCat("wrong type for value; expected ", TypeName(want), "; got ", value.TypeName()));
  }
  return value;
}

void CheckCount(Frame& frame, const TemplateFunction& function, size_t given) {
  size_t wanted = function.params.size() - (function.variadic ? 1 : 0);
  if (function.variadic ? given >= wanted : given == wanted) return;
  frame.Fail(StrCat("wrong number of args for ", function.name, ": want ",
                    function.variadic ? "at least " : "", wanted, " got ", given));
}

// `and` and `or` stop at the first argument that decides.
TemplateValue FirstDeciding(Frame& frame, bool wanted, const Given& given) {
  TemplateValue value;
  size_t beside = given.beside == nullptr ? 0 : given.beside->size();
  for (size_t i = 0; i < beside; ++i) {
    value = (*given.beside)[i]->Argument(frame, Want::kAny);
    if (value.Truth() == wanted) return value;
  }
  return given.piped == nullptr ? value : Fit(frame, *given.piped, Want::kAny);
}

}  // namespace

void Frame::Fail(std::string_view problem) const {
  size_t position = at == nullptr ? 0 : at->position;
  std::string_view before = std::string_view(program.text).substr(0, position);
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  size_t column = position - (before.rfind('\n') + 1);
  throw TemplateFailure{StrCat("template: ", program.name, ":", line, ":", column, ": executing ",
                               Quote(running), " at <", at == nullptr ? "" : at->written,
                               ">: ", problem)};
}

void Frame::Step() {
  if (++steps_ > kMaxSteps) Fail("too many steps");
}

void Frame::Write(std::string_view text) {
  out += text;
  if (out.size() > kMaxTemplateOutput) Fail("the output is too large");
}

TemplateValue& Frame::Variable(const std::string& name) {
  for (auto it = variables.rbegin(); it != variables.rend(); ++it) {
    if (it->first == name) return it->second;
  }
  Fail(StrCat("undefined variable: ", name));
}

TemplateValue Expression::Argument(Frame& frame, Want want) const {
  TemplateValue value = Evaluate(frame, {});
  frame.at = this;
  return Fit(frame, std::move(value), want);
}

TemplateValue Literal::Evaluate(Frame& frame, const Given& given) const {
  frame.at = this;
  if (given.count() > 0) frame.Fail(StrCat("can't give argument to non-function ", written));
  if (value_.nil()) frame.Fail("nil is not a command");
  return value_;
}

TemplateValue Literal::Argument(Frame& frame, Want want) const {
  frame.at = this;
  bool text = value_.As<std::string>() != nullptr;
  if (value_.nil() && want == Want::kString) frame.Fail("cannot assign nil to string");
  if (value_.nil() || want == Want::kAny || (text && want == Want::kString)) return value_;
  if (want == Want::kString) frame.Fail(StrCat("expected string; found ", written));
  frame.Fail(StrCat("can't handle ", written, " for arg of type ", TypeName(want)));
}

TemplateValue Named::Evaluate(Frame& frame, const Given& given) const {
  frame.at = this;
  if (given.count() > 0) frame.Fail(StrCat("can't give argument to non-function ", written));
  return written == "." ? frame.dot : frame.Variable(written);
}

TemplateValue Path::Evaluate(Frame& frame, const Given& given) const {
  TemplateValue value = base->Evaluate(frame, {});
  frame.at = this;
  for (size_t i = 0; i < names.size(); ++i)
    value = FieldOf(frame, value, names[i], i + 1 == names.size() ? given : Given{});
  return value;
}

TemplateValue Function::Evaluate(Frame& frame, const Given& given) const {
  frame.Step();
  frame.at = this;
  CheckCount(frame, *function, given.count());
  if (function->call == nullptr) return FirstDeciding(frame, function->name == "or", given);
  auto wanted = [&](size_t i) {
    return function->params[std::min(i, function->params.size() - 1)];
  };
  Values args;
  if (given.beside != nullptr) {
    for (const ExpressionPtr& argument : *given.beside)
      args.push_back(argument->Argument(frame, wanted(args.size())));
  }
  if (given.piped != nullptr) {
    frame.at = whole;
    args.push_back(Fit(frame, *given.piped, wanted(args.size())));
  }
  frame.at = whole;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].nil()) continue;
    if (wanted(i) == Want::kVector) args[i] = std::make_shared<const SampleVector>();
    if (wanted(i) != Want::kSample) continue;
    frame.Fail(StrCat("error calling ", function->name,
                      ": runtime error: invalid memory address or nil pointer dereference"));
  }
  auto result = function->call(frame.calls, args);
  if (!result) frame.Fail(StrCat("error calling ", function->name, ": ", result.error().message()));
  return *std::move(result);
}

TemplateValue Call::Evaluate(Frame& frame, const Given& given) const {
  return head->Evaluate(frame, {&beside, given.piped});
}

TemplateValue Pipeline::Value(Frame& frame) const {
  TemplateValue value;
  for (size_t i = 0; i < stages.size(); ++i) {
    TemplateValue piped = std::move(value);
    value = stages[i]->Evaluate(frame, {nullptr, i == 0 ? nullptr : &piped});
  }
  return value;
}

void Pipeline::Set(Frame& frame, const std::string& name, TemplateValue value) const {
  if (declares)
    frame.variables.emplace_back(name, std::move(value));
  else
    frame.Variable(name) = std::move(value);
}

TemplateValue Pipeline::Evaluate(Frame& frame, const Given& given) const {
  TemplateValue value = Value(frame);
  if (given.count() > 0) {
    frame.at = this;
    frame.Fail(StrCat("can't give argument to non-function ", written));
  }
  for (const std::string& name : names) Set(frame, name, value);
  return value;
}

}  // namespace slurmscope::rules
