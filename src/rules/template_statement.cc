#include "rules/template_statement.h"

#include "base/strings.h"

namespace slurmscope::rules {
namespace {

using base::Quote;
using base::StrCat;

constexpr int kMaxCalls = 100;  // of blocks by blocks

}  // namespace

Flow RunBlock(Frame& frame, const Block& block) {
  size_t known = frame.variables.size();
  Flow flow = Flow::kOn;
  for (size_t i = 0; i < block.size() && flow == Flow::kOn; ++i) {
    frame.Step();
    flow = block[i]->Run(frame);
  }
  frame.variables.resize(known);
  return flow;
}

Flow Text::Run(Frame& frame) const {
  frame.Write(text_);
  return Flow::kOn;
}

Flow Print::Run(Frame& frame) const {
  TemplateValue value = what_->Evaluate(frame, {});
  if (what_->names.empty()) frame.Write(value.nil() ? "<no value>" : value.ToText());
  return Flow::kOn;
}

Flow Branch::Run(Frame& frame) const {
  size_t known = frame.variables.size();
  TemplateValue value = condition->Evaluate(frame, {});
  bool holds = value.Truth();
  TemplateValue dot = frame.dot;
  if (moves_dot && holds) frame.dot = std::move(value);
  Flow flow = RunBlock(frame, holds ? then : otherwise);
  frame.dot = std::move(dot);
  frame.variables.resize(known);
  return flow;
}

Flow Loop::Turn(Frame& frame, TemplateValue key, TemplateValue value) const {
  frame.Step();
  size_t known = frame.variables.size();
  const auto& names = over->names;
  if (names.size() == 2) over->Set(frame, names[0], std::move(key));
  if (!names.empty()) over->Set(frame, names.back(), value);
  TemplateValue dot = std::exchange(frame.dot, std::move(value));
  Flow flow = RunBlock(frame, body);
  frame.dot = std::move(dot);
  frame.variables.resize(known);
  return flow;
}

Flow Loop::Run(Frame& frame) const {
  TemplateValue value = over->Value(frame);
  bool any = false;
  // Whether to go on.
  auto turn = [&](TemplateValue key, TemplateValue item) {
    any = true;
    return Turn(frame, std::move(key), std::move(item)) != Flow::kBreak;
  };
  if (const auto* count = value.As<int64_t>()) {
    for (int64_t i = 0; i < *count && turn(i, i);) ++i;
  } else if (const auto* samples = value.As<std::shared_ptr<const SampleVector>>()) {
    int64_t i = 0;
    for (const auto& sample : **samples) {
      if (!turn(i++, sample)) break;
    }
  } else if (const auto* strings = value.As<std::shared_ptr<const StringMap>>()) {
    for (const auto& [key, item] : **strings) {
      if (!turn(key, item)) break;
    }
  } else if (const auto* values = value.As<std::shared_ptr<const ValueMap>>()) {
    for (const auto& [key, item] : **values) {
      if (!turn(key, item)) break;
    }
  } else if (value.valid()) {
    frame.Fail(StrCat("range can't iterate over ", value.ToText()));
  }
  return any ? Flow::kOn : RunBlock(frame, otherwise);
}

Flow Include::Run(Frame& frame) const {
  frame.at = &place;
  auto found = frame.program.blocks.find(name);
  if (found == frame.program.blocks.end())
    frame.Fail(StrCat("template ", Quote(name), " not defined"));
  if (++frame.depth > kMaxCalls)
    frame.Fail(StrCat("exceeded maximum template depth (", kMaxCalls, ")"));
  TemplateValue given = argument ? argument->Evaluate(frame, {}) : TemplateValue();
  auto variables = std::exchange(frame.variables, {{"$", given}});
  auto running = std::exchange(frame.running, std::string_view(found->first));
  TemplateValue dot = std::exchange(frame.dot, std::move(given));
  RunBlock(frame, found->second);
  frame.dot = std::move(dot);
  frame.running = running;
  frame.variables = std::move(variables);
  --frame.depth;
  return Flow::kOn;
}

std::string RunTemplate(const TemplateProgram& program, TemplateValue data,
                        const TemplateContext& context) {
  Frame frame(program, std::move(data), context);
  frame.running = program.name;
  auto main = program.blocks.find(program.name);
  if (main != program.blocks.end()) RunBlock(frame, main->second);
  return std::move(frame.out);
}

}  // namespace slurmscope::rules
