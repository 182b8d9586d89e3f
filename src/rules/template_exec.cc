#include "rules/template_exec.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "rules/template_functions.h"

namespace slurmscope::rules {
namespace {

using base::Quote;
using base::StrCat;
using Kind = TemplateNodeKind;
using SamplePtr = std::shared_ptr<const TemplateSample>;
using VectorPtr = std::shared_ptr<const SampleVector>;
using StringMapPtr = std::shared_ptr<const StringMap>;
using ValueMapPtr = std::shared_ptr<const ValueMap>;
using DataPtr = std::shared_ptr<const TemplateData>;

constexpr int kMaxSteps = 100'000;
constexpr int kMaxCalls = 100;  // of templates by templates

enum class Exit { kNone, kBreak, kContinue };

// The value that a pipeline hands to its next command; absent at the first one.
using Final = std::optional<TemplateValue>;
using Nodes = std::vector<TemplateNodePtr>;

class Executor {
 public:
  Executor(const ParsedTemplate& parsed, const TemplateContext& context)
      : parsed_(parsed), call_{context} {}

  std::string Run(TemplateValue data) {
    running_ = &parsed_.name;
    variables_ = {{"$", data}};
    auto root = parsed_.templates.find(parsed_.name);
    Walk(data, *root->second);
    return std::move(out_);
  }

 private:
  [[noreturn]] void Fail(const std::string& problem) const {
    throw TemplateFailure{StrCat("template: ", parsed_.Place(at_->pos), ": executing ",
                                 Quote(*running_), " at <", ToString(*at_), ">: ", problem)};
  }
  void At(const TemplateNode& node) {
    at_ = &node;
    if (++steps_ > kMaxSteps) Fail("too many steps");
  }
  void Write(std::string_view text) {
    out_ += text;
    if (out_.size() > kMaxTemplateOutput) Fail("the output is too large");
  }

  Exit Walk(const TemplateValue& dot, const TemplateNode& node);
  Exit WalkList(const TemplateValue& dot, const TemplateNode& list);
  Exit WalkIfOrWith(const TemplateValue& dot, const TemplateNode& node);
  Exit WalkRange(const TemplateValue& dot, const TemplateNode& node);
  void WalkTemplate(const TemplateValue& dot, const TemplateNode& node);
  std::vector<std::pair<TemplateValue, TemplateValue>> Items(const TemplateValue& value) const;
  Exit OneIteration(const TemplateNode& node, const TemplateValue& index,
                    const TemplateValue& item);

  TemplateValue Pipeline(const TemplateValue& dot, const TemplateNode& pipe);
  TemplateValue Command(const TemplateValue& dot, const TemplateNode& command, const Final& final);
  TemplateValue Variable(const TemplateValue& dot, const TemplateNode& node, const Nodes* args,
                         const Final& final);
  TemplateValue Chain(const TemplateValue& dot, const TemplateNode& node, const Nodes* args,
                      const Final& final);
  TemplateValue Fields(const TemplateValue& receiver, const TemplateNode& node, size_t first,
                       const Nodes* args, const Final& final);
  TemplateValue Field(const TemplateValue& receiver, const std::string& name, const Nodes* args,
                      const Final& final);
  std::optional<TemplateValue> Method(const TemplateValue& receiver, const std::string& name,
                                      const Nodes* args, const Final& final);
  TemplateValue Function(const TemplateValue& dot, const TemplateNode& node,
                         const TemplateNode& call, const Nodes* args, const Final& final);
  TemplateValue AndOr(const TemplateValue& dot, bool is_or, const Nodes* args, const Final& final);
  TemplateValue Argument(const TemplateValue& dot, Want want, const TemplateNode& node);
  TemplateValue Validate(TemplateValue value, Want want) const;
  static TemplateValue Number(const TemplateNode& node);
  void NotAFunction(const Nodes* args, const Final& final) const {
    bool given = (args != nullptr && args->size() > 1) || final.has_value();
    if (given)
      Fail(StrCat("can't give argument to non-function ",
                  args == nullptr ? ToString(*at_) : ToString(*args->front())));
  }

  const ParsedTemplate& parsed_;
  CallContext call_;
  const std::string* running_ = nullptr;
  const TemplateNode* at_ = nullptr;
  std::vector<std::pair<std::string, TemplateValue>> variables_;
  std::string out_;
  int steps_ = 0;
  int calls_ = 0;
};

Exit Executor::WalkList(const TemplateValue& dot, const TemplateNode& list) {
  for (const TemplateNodePtr& child : list.children) {
    Exit exit = Walk(dot, *child);
    if (exit != Exit::kNone) return exit;
  }
  return Exit::kNone;
}

Exit Executor::Walk(const TemplateValue& dot, const TemplateNode& node) {
  At(node);
  switch (node.kind) {
    case Kind::kList:
      return WalkList(dot, node);
    case Kind::kText:
      Write(node.text);
      return Exit::kNone;
    case Kind::kAction: {
      TemplateValue value = Pipeline(dot, *node.pipe);
      At(node);
      if (node.pipe->names.empty()) Write(value.nil() ? "<no value>" : value.ToText());
      return Exit::kNone;
    }
    case Kind::kIf:
    case Kind::kWith:
      return WalkIfOrWith(dot, node);
    case Kind::kRange:
      return WalkRange(dot, node);
    case Kind::kTemplate:
      WalkTemplate(dot, node);
      return Exit::kNone;
    case Kind::kBreak:
      return Exit::kBreak;
    case Kind::kContinue:
      return Exit::kContinue;
    default:
      Fail("unknown node");
  }
}

Exit Executor::WalkIfOrWith(const TemplateValue& dot, const TemplateNode& node) {
  size_t mark = variables_.size();
  TemplateValue value = Pipeline(dot, *node.pipe);
  Exit exit = Exit::kNone;
  if (value.Truth()) {
    exit = Walk(node.kind == Kind::kWith ? value : dot, *node.list);
  } else if (node.else_list) {
    exit = Walk(dot, *node.else_list);
  }
  variables_.resize(mark);
  return exit;
}

// Indexes and elements in the order in which a range meets them.
std::vector<std::pair<TemplateValue, TemplateValue>> Executor::Items(
    const TemplateValue& value) const {
  std::vector<std::pair<TemplateValue, TemplateValue>> items;
  if (const auto* samples = value.As<VectorPtr>()) {
    for (const SamplePtr& sample : **samples)
      items.emplace_back(static_cast<int64_t>(items.size()), sample);
  } else if (const auto* strings = value.As<StringMapPtr>()) {
    for (const auto& [key, item] : **strings) items.emplace_back(key, item);
  } else if (const auto* values = value.As<ValueMapPtr>()) {
    for (const auto& [key, item] : **values) items.emplace_back(key, item);
  } else if (const auto* number = value.As<int64_t>()) {
    for (int64_t i = 0; i < std::min<int64_t>(*number, kMaxSteps); ++i) items.emplace_back(i, i);
  } else if (value.valid() && !value.nil()) {
    Fail(StrCat("range can't iterate over ", value.ToText()));
  }
  return items;
}

Exit Executor::OneIteration(const TemplateNode& node, const TemplateValue& index,
                            const TemplateValue& item) {
  size_t mark = variables_.size();
  const TemplateNode& pipe = *node.pipe;
  auto set = [&](const std::string& name, const TemplateValue& value) {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->first != name) continue;
      it->second = value;
      return;
    }
  };
  if (!pipe.names.empty()) set(pipe.names.back(), item);
  if (pipe.names.size() > 1) set(pipe.names.front(), index);
  Exit exit = Walk(item, *node.list);
  variables_.resize(mark);
  return exit;
}

Exit Executor::WalkRange(const TemplateValue& dot, const TemplateNode& node) {
  size_t mark = variables_.size();
  TemplateValue value = Pipeline(dot, *node.pipe);
  auto items = Items(value);
  for (const auto& [index, item] : items) {
    if (OneIteration(node, index, item) == Exit::kBreak) break;
  }
  Exit exit = Exit::kNone;
  if (items.empty() && node.else_list) exit = Walk(dot, *node.else_list);
  variables_.resize(mark);
  return exit;
}

void Executor::WalkTemplate(const TemplateValue& dot, const TemplateNode& node) {
  auto called = parsed_.templates.find(node.value);
  if (called == parsed_.templates.end())
    Fail(StrCat("template ", Quote(node.value), " not defined"));
  if (++calls_ > kMaxCalls) Fail(StrCat("exceeded maximum template depth (", kMaxCalls, ")"));
  TemplateValue argument = node.pipe ? Pipeline(dot, *node.pipe) : TemplateValue();
  auto outer_variables = std::exchange(variables_, {{"$", argument}});
  const std::string* outer = std::exchange(running_, &called->first);
  Walk(argument, *called->second);
  running_ = outer;
  variables_ = std::move(outer_variables);
  --calls_;
}

TemplateValue Executor::Pipeline(const TemplateValue& dot, const TemplateNode& pipe) {
  At(pipe);
  Final value;
  for (const TemplateNodePtr& command : pipe.children) value = Command(dot, *command, value);
  for (const std::string& name : pipe.names) {
    if (!pipe.flag) {
      variables_.emplace_back(name, *value);
      continue;
    }
    auto it = std::find_if(variables_.rbegin(), variables_.rend(),
                           [&](const auto& variable) { return variable.first == name; });
    if (it == variables_.rend()) Fail(StrCat("undefined variable: ", name));
    it->second = *value;
  }
  return *value;
}

TemplateValue Executor::Command(const TemplateValue& dot, const TemplateNode& command,
                                const Final& final) {
  const Nodes& args = command.children;
  const TemplateNode& word = *args.front();
  switch (word.kind) {
    case Kind::kField:
      At(word);
      return Fields(dot, word, 0, &args, final);
    case Kind::kChain:
      return Chain(dot, word, &args, final);
    case Kind::kIdentifier:
      return Function(dot, word, command, &args, final);
    case Kind::kPipe:
      NotAFunction(&args, final);
      return Pipeline(dot, word);
    case Kind::kVariable:
      return Variable(dot, word, &args, final);
    default:
      break;
  }
  At(word);
  NotAFunction(&args, final);
  switch (word.kind) {
    case Kind::kBool:
      return word.flag;
    case Kind::kDot:
      return dot;
    case Kind::kNil:
      Fail("nil is not a command");
    case Kind::kNumber:
      return Number(word);
    case Kind::kString:
      return word.value;
    default:
      Fail(StrCat("can't evaluate command ", Quote(ToString(word))));
  }
}

TemplateValue Executor::Number(const TemplateNode& node) {
  if (auto character = GoCharacter(node.text)) return *character;
  auto number = GoNumber(node.text);  // the parser has checked it
  if (const auto* whole = std::get_if<int64_t>(&*number)) return *whole;
  return std::get<double>(*number);
}

TemplateValue Executor::Variable(const TemplateValue& dot, const TemplateNode& node,
                                 const Nodes* args, const Final& final) {
  (void)dot;
  At(node);
  auto it = std::find_if(variables_.rbegin(), variables_.rend(),
                         [&](const auto& variable) { return variable.first == node.names[0]; });
  if (it == variables_.rend()) Fail(StrCat("undefined variable: ", node.names[0]));
  if (node.names.size() == 1) {
    NotAFunction(args, final);
    return it->second;
  }
  return Fields(it->second, node, 1, args, final);
}

TemplateValue Executor::Chain(const TemplateValue& dot, const TemplateNode& node, const Nodes* args,
                              const Final& final) {
  At(node);
  if (node.pipe->kind == Kind::kNil)
    Fail(StrCat("indirection through explicit nil in ", ToString(node)));
  TemplateValue receiver = Argument(dot, Want::kAny, *node.pipe);
  return Fields(receiver, node, 0, args, final);
}

TemplateValue Executor::Fields(const TemplateValue& receiver, const TemplateNode& node,
                               size_t first, const Nodes* args, const Final& final) {
  TemplateValue value = receiver;
  for (size_t i = first; i + 1 < node.names.size(); ++i)
    value = Field(value, node.names[i], nullptr, std::nullopt);
  return Field(value, node.names.back(), args, final);
}

// Methods of times and durations.
std::optional<TemplateValue> Executor::Method(const TemplateValue& receiver,
                                              const std::string& name, const Nodes* args,
                                              const Final& final) {
  if (const auto* duration = receiver.As<DurationValue>()) {
    auto ns = static_cast<double>(duration->ns);
    if (name == "Seconds") return ns / 1e9;
    if (name == "Minutes") return ns / 60e9;
    if (name == "Hours") return ns / 3600e9;
    if (name == "Milliseconds") return duration->ns / 1'000'000;
    if (name == "String") return GoDurationText(duration->ns);
    return std::nullopt;
  }
  const auto* time = receiver.As<TimeValue>();
  if (time == nullptr) return std::nullopt;
  auto number = [&](std::string_view layout) {
    return base::ParseInt<int64_t>(GoTimeFormat(time->ms, layout)).value_or(0);
  };
  if (name == "Format") {
    size_t given = (args == nullptr ? 0 : args->size() - 1) + (final ? 1 : 0);
    if (given != 1) Fail(StrCat("wrong number of args for Format: want 1 got ", given));
    TemplateValue layout =
        final ? Validate(*final, Want::kString) : Argument({}, Want::kString, *(*args)[1]);
    return GoTimeFormat(time->ms, *layout.As<std::string>());
  }
  if (name == "UTC") return receiver;
  if (name == "String") return GoTimeText(time->ms);
  if (name == "Unix") return time->ms / 1000;
  if (name == "UnixMilli") return time->ms;
  if (name == "Year") return number("2006");
  if (name == "Month") return GoTimeFormat(time->ms, "January");
  if (name == "Day") return number("2");
  if (name == "Weekday") return GoTimeFormat(time->ms, "Monday");
  if (name == "YearDay") return number("002");
  if (name == "Hour") return number("15");
  if (name == "Minute") return number("4");
  if (name == "Second") return number("5");
  return std::nullopt;
}

TemplateValue NumberOrHistogram(double value, const model::HistogramPtr& histogram) {
  if (histogram) return histogram;
  return value;
}

TemplateValue Executor::Field(const TemplateValue& receiver, const std::string& name,
                              const Nodes* args, const Final& final) {
  if (!receiver.valid() || receiver.nil()) return {};
  if (auto result = Method(receiver, name, args, final)) return *result;
  bool has_args = (args != nullptr && args->size() > 1) || final.has_value();
  if (const auto* map = receiver.As<StringMapPtr>()) {
    if (has_args) Fail(StrCat(name, " is not a method but has arguments"));
    auto it = (*map)->find(name);
    return it == (*map)->end() ? std::string() : it->second;  // missingkey=zero
  }
  if (const auto* map = receiver.As<ValueMapPtr>()) {
    if (has_args) Fail(StrCat(name, " is not a method but has arguments"));
    auto it = (*map)->find(name);
    return it == (*map)->end() ? TemplateValue() : it->second;
  }
  auto field = [&](TemplateValue value) {
    if (has_args) Fail(StrCat(name, " has arguments but cannot be invoked as function"));
    return value;
  };
  if (const auto* sample = receiver.As<SamplePtr>()) {
    if (name == "Labels") return field(StringMapPtr(*sample, &(*sample)->labels));
    if (name == "Value") return field((*sample)->value);
  }
  if (const auto* data = receiver.As<DataPtr>()) {
    if (name == "Labels") return field(StringMapPtr(*data, &(*data)->labels));
    if (name == "ExternalLabels") return field(StringMapPtr(*data, &(*data)->external_labels));
    if (name == "ExternalURL") return field((*data)->external_url);
    if (name == "Value") return field(NumberOrHistogram((*data)->value, (*data)->histogram));
  }
  Fail(StrCat("can't evaluate field ", name, " in type ", receiver.TypeName()));
}

TemplateValue Executor::AndOr(const TemplateValue& dot, bool is_or, const Nodes* args,
                              const Final& final) {
  TemplateValue value;
  for (size_t i = 1; args != nullptr && i < args->size(); ++i) {
    value = Argument(dot, Want::kAny, *(*args)[i]);
    if (value.Truth() == is_or) return value;
  }
  return final ? *final : value;
}

// `call` is what errors of the function are placed at.
TemplateValue Executor::Function(const TemplateValue& dot, const TemplateNode& node,
                                 const TemplateNode& call, const Nodes* args, const Final& final) {
  At(node);
  const TemplateFunction* function = FindTemplateFunction(node.text);
  if (function == nullptr) Fail(StrCat(Quote(node.text), " is not a defined function"));
  size_t given = (args == nullptr ? 0 : args->size() - 1) + (final ? 1 : 0);
  size_t wanted = function->params.size() - (function->variadic ? 1 : 0);
  if (function->variadic && given < wanted)
    Fail(
        StrCat("wrong number of args for ", node.text, ": want at least ", wanted, " got ", given));
  if (!function->variadic && given != wanted)
    Fail(StrCat("wrong number of args for ", node.text, ": want ", wanted, " got ", given));
  if (function->call == nullptr) return AndOr(dot, node.text == "or", args, final);

  Values values;
  auto want = [&](size_t i) { return function->params[std::min(i, function->params.size() - 1)]; };
  for (size_t i = 1; args != nullptr && i < args->size(); ++i)
    values.push_back(Argument(dot, want(values.size()), *(*args)[i]));
  if (final) values.push_back(Validate(*final, want(values.size())));
  At(call);
  for (size_t i = 0; i < values.size(); ++i) {
    if (want(i) == Want::kSample && values[i].nil())
      Fail(StrCat("error calling ", node.text,
                  ": runtime error: invalid memory address or nil pointer dereference"));
  }
  Result<TemplateValue> result = function->call(call_, values);
  if (!result) Fail(StrCat("error calling ", node.text, ": ", result.error().message()));
  return *std::move(result);
}

TemplateValue Executor::Argument(const TemplateValue& dot, Want want, const TemplateNode& node) {
  At(node);
  switch (node.kind) {
    case Kind::kDot:
      return Validate(dot, want);
    case Kind::kNil:
      if (want == Want::kString) Fail("cannot assign nil to string");
      if (want == Want::kVector) return std::make_shared<const SampleVector>();
      return NilValue{};
    case Kind::kField:
      return Validate(Fields(dot, node, 0, nullptr, std::nullopt), want);
    case Kind::kVariable:
      return Validate(Variable(dot, node, nullptr, std::nullopt), want);
    case Kind::kPipe:
      return Validate(Pipeline(dot, node), want);
    case Kind::kIdentifier:
      return Validate(Function(dot, node, node, nullptr, std::nullopt), want);
    case Kind::kChain:
      return Validate(Chain(dot, node, nullptr, std::nullopt), want);
    default:
      break;
  }
  if (want == Want::kString) {
    if (node.kind == Kind::kString) return node.value;
    Fail(StrCat("expected string; found ", ToString(node)));
  }
  if (want != Want::kAny)
    Fail(StrCat("can't handle ", ToString(node), " for arg of type ", TypeName(want)));
  if (node.kind == Kind::kBool) return node.flag;
  if (node.kind == Kind::kNumber) return Number(node);
  if (node.kind == Kind::kString) return node.value;
  Fail(StrCat("can't handle assignment of ", ToString(node), " to empty interface argument"));
}

TemplateValue Executor::Validate(TemplateValue value, Want want) const {
  if (want == Want::kAny) return value.valid() ? value : TemplateValue(NilValue{});
  if (!value.valid() || value.nil()) {
    if (want == Want::kVector) return std::make_shared<const SampleVector>();
    Fail(StrCat("invalid value; expected ", TypeName(want)));
  }
  bool fits = want == Want::kString   ? value.As<std::string>() != nullptr
              : want == Want::kVector ? value.As<VectorPtr>() != nullptr
                                      : value.As<SamplePtr>() != nullptr;
  if (!fits)
    Fail(StrCat("wrong type for value; expected ", TypeName(want), "; got ", value.TypeName()));
  return value;
}

}  // namespace

std::string ExecuteTemplate(const ParsedTemplate& parsed, TemplateValue data,
                            const TemplateContext& context) {
  return Executor(parsed, context).Run(std::move(data));
}

}  // namespace slurmscope::rules
