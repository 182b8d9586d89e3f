#include "rules/template_functions.h"

#include <algorithm>

#include "base/float_text.h"
#include "base/strings.h"
#include "promql/lexer.h"
#include "promql/literals.h"

namespace slurmscope::rules {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using SamplePtr = std::shared_ptr<const TemplateSample>;
using VectorPtr = std::shared_ptr<const SampleVector>;

const std::string& Text(const TemplateValue& value) { return *value.As<std::string>(); }

tl::unexpected<base::Error> Bad(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

Result<TemplateValue> Query(CallContext& call, const Values& args) {
  if (++call.queries > kMaxTemplateQueries)
    return Bad(StrCat("more than ", kMaxTemplateQueries, " queries in one template"));
  if (!call.context.query) return Bad("there is nothing to query here");
  return std::make_shared<const SampleVector>(TRY(call.context.query(Text(args[0]))));
}

Result<TemplateValue> First(CallContext&, const Values& args) {
  const SampleVector& samples = **args[0].As<VectorPtr>();
  if (samples.empty()) return Bad("first() called on vector with no elements");
  return samples.front();
}

std::string LabelOf(const TemplateSample& sample, const std::string& name) {
  auto it = sample.labels.find(name);
  return it == sample.labels.end() ? std::string() : it->second;
}

Result<TemplateValue> Label(CallContext&, const Values& args) {
  return LabelOf(**args[1].As<SamplePtr>(), Text(args[0]));
}

Result<TemplateValue> SampleValue(CallContext&, const Values& args) {
  return (*args[0].As<SamplePtr>())->value;
}

Result<TemplateValue> StringValue(CallContext&, const Values& args) {
  return LabelOf(**args[0].As<SamplePtr>(), "__value__");
}

Result<TemplateValue> SortByLabel(CallContext&, const Values& args) {
  SampleVector samples = **args[1].As<VectorPtr>();
  const std::string& name = Text(args[0]);
  std::stable_sort(samples.begin(), samples.end(), [&](const SamplePtr& a, const SamplePtr& b) {
    return LabelOf(*a, name) < LabelOf(*b, name);
  });
  return std::make_shared<const SampleVector>(std::move(samples));
}

Result<TemplateValue> Args(CallContext&, const Values& args) {
  ValueMap map;
  for (size_t i = 0; i < args.size(); ++i) map[StrCat("arg", i)] = args[i];
  return std::make_shared<const ValueMap>(std::move(map));
}

Result<size_t> Length(const TemplateValue& value) {
  if (const auto* text = value.As<std::string>()) return text->size();
  if (const auto* samples = value.As<VectorPtr>()) return (*samples)->size();
  if (const auto* map = value.As<std::shared_ptr<const StringMap>>()) return (*map)->size();
  if (const auto* map = value.As<std::shared_ptr<const ValueMap>>()) return (*map)->size();
  if (value.nil() || !value.valid()) return Bad("len of nil pointer");
  return Bad(StrCat("len of type ", value.TypeName()));
}

Result<TemplateValue> Len(CallContext&, const Values& args) {
  return static_cast<int64_t>(TRY(Length(args[0])));
}

// An index into something of `length`, which is one more place for a slice.
Result<size_t> IndexArgument(const TemplateValue& value, size_t length, bool slice) {
  const auto* index = value.As<int64_t>();
  if (index == nullptr) {
    if (value.nil() || !value.valid()) return Bad("cannot index slice/array with nil");
    return Bad(StrCat("cannot index slice/array with type ", value.TypeName()));
  }
  auto end = static_cast<int64_t>(length) + (slice ? 1 : 0);
  if (*index < 0 || *index >= end) return Bad(StrCat("index out of range: ", *index));
  return static_cast<size_t>(*index);
}

Result<TemplateValue> IndexOne(const TemplateValue& item, const TemplateValue& index) {
  if (const auto* samples = item.As<VectorPtr>())
    return (**samples)[TRY(IndexArgument(index, (*samples)->size(), false))];
  if (const auto* text = item.As<std::string>()) {
    auto byte = (*text)[TRY(IndexArgument(index, text->size(), false))];
    return static_cast<int64_t>(static_cast<uint8_t>(byte));
  }
  const auto* strings = item.As<std::shared_ptr<const StringMap>>();
  const auto* values = item.As<std::shared_ptr<const ValueMap>>();
  if (strings == nullptr && values == nullptr) {
    if (item.nil() || !item.valid()) return Bad("index of untyped nil");
    return Bad(StrCat("can't index item of type ", item.TypeName()));
  }
  const auto* key = index.As<std::string>();
  if (key == nullptr) return Bad(StrCat("value has type ", index.TypeName(), "; should be string"));
  if (strings != nullptr) {
    auto it = (*strings)->find(*key);
    return it == (*strings)->end() ? std::string() : it->second;
  }
  auto it = (*values)->find(*key);
  return it == (*values)->end() ? TemplateValue() : it->second;
}

Result<TemplateValue> Index(CallContext&, const Values& args) {
  TemplateValue item = args[0];
  for (size_t i = 1; i < args.size(); ++i) item = TRY(IndexOne(item, args[i]));
  return item;
}

Result<TemplateValue> Slice(CallContext&, const Values& args) {
  if (args[0].nil() || !args[0].valid()) return Bad("slice of untyped nil");
  const auto* text = args[0].As<std::string>();
  const auto* samples = args[0].As<VectorPtr>();
  if (text == nullptr && samples == nullptr)
    return Bad(StrCat("can't slice item of type ", args[0].TypeName()));
  if (args.size() > 4) return Bad(StrCat("too many slice indexes: ", args.size() - 1));
  if (text != nullptr && args.size() == 4) return Bad("cannot 3-index slice a string");
  size_t length = TRY(Length(args[0]));
  size_t begin = args.size() > 1 ? TRY(IndexArgument(args[1], length, true)) : 0;
  size_t end = args.size() > 2 ? TRY(IndexArgument(args[2], length, true)) : length;
  if (begin > end) return Bad(StrCat("invalid slice index: ", begin, " > ", end));
  if (text != nullptr) return text->substr(begin, end - begin);
  auto first = (*samples)->begin();
  return std::make_shared<const SampleVector>(first + static_cast<std::ptrdiff_t>(begin),
                                              first + static_cast<std::ptrdiff_t>(end));
}

const std::vector<TemplateFunction>& Table() {
  using C = CallContext;
  using V = Values;
  using R = Result<TemplateValue>;
  static const std::vector<Want> kNone;
  static const std::vector<Want> kAny = {Want::kAny};
  static const std::vector<Want> kText = {Want::kString};
  static const std::vector<Want> kPair = {Want::kAny, Want::kAny};
  static const std::vector<TemplateFunction> kTable = {
      // Go's.
      {"and", kPair, true, nullptr},
      {"or", kPair, true, nullptr},
      {"not", kAny, false, [](C&, const V& a) -> R { return !a[0].Truth(); }},
      {"eq", kPair, true, CompareEqual},
      {"ne", kPair, false, CompareNotEqual},
      {"lt", kPair, false, CompareLess},
      {"le", kPair, false, CompareLessEqual},
      {"gt", kPair, false, CompareGreater},
      {"ge", kPair, false, CompareGreaterEqual},
      {"len", kAny, false, Len},
      {"index", kPair, true, Index},
      {"slice", kPair, true, Slice},
      {"call", kPair, true,
       [](C&, const V& a) -> R {
         if (a[0].nil() || !a[0].valid()) return Bad("call of nil");
         return Bad(StrCat("non-function of type ", a[0].TypeName()));
       }},
      {"print", kAny, true, [](C&, const V& a) -> R { return GoPrint(a); }},
      {"println", kAny, true, [](C&, const V& a) -> R { return GoPrintLine(a); }},
      {"printf",
       {Want::kString, Want::kAny},
       true,
       [](C&, const V& a) -> R {
         return GoPrintf(Text(a[0]), V(a.begin() + 1, a.end()), kMaxTemplateOutput);
       }},
      {"html", kAny, true, EscapeHtml},
      {"js", kAny, true, EscapeJs},
      {"urlquery", kAny, true, [](C&, const V& a) -> R { return QueryEscape(GoPrint(a)); }},
      // Prometheus'.
      {"query", kText, false, Query},
      {"first", {Want::kVector}, false, First},
      {"label", {Want::kString, Want::kSample}, false, Label},
      {"value", {Want::kSample}, false, SampleValue},
      {"strvalue", {Want::kSample}, false, StringValue},
      {"sortByLabel", {Want::kString, Want::kVector}, false, SortByLabel},
      {"args", kAny, true, Args},
      {"reReplaceAll", {Want::kString, Want::kString, Want::kString}, false, ReplaceAll},
      {"safeHtml", kText, false, [](C&, const V& a) -> R { return a[0]; }},
      {"match", {Want::kString, Want::kString}, false, Match},
      {"title", kText, false, Title},
      {"toUpper", kText, false, ToUpper},
      {"toLower", kText, false, ToLower},
      {"graphLink", kText, false, [](C&, const V& a) -> R { return GraphLink(Text(a[0])); }},
      {"tableLink", kText, false, [](C&, const V& a) -> R { return TableLink(Text(a[0])); }},
      {"stripPort", kText, false, StripPort},
      {"stripDomain", kText, false, StripDomain},
      {"humanize", kAny, false, Humanize},
      {"humanize1024", kAny, false, Humanize1024},
      {"humanizeDuration", kAny, false, HumanizeDuration},
      {"humanizePercentage", kAny, false, HumanizePercentage},
      {"humanizeTimestamp", kAny, false, HumanizeTimestamp},
      {"toTime", kAny, false, ToTime},
      {"toDuration", kAny, false, ToDuration},
      {"now", kNone, false,
       [](C& c, const V&) -> R { return static_cast<double>(c.context.time_ms) / 1000; }},
      {"pathPrefix", kNone, false, PathPrefix},
      {"externalURL", kNone, false, [](C& c, const V&) -> R { return c.context.external_url; }},
      {"parseDuration", kText, false, ParseDurationSeconds},
      {"urlQueryEscape", kText, false, [](C&, const V& a) -> R { return QueryEscape(Text(a[0])); }},
  };
  return kTable;
}

}  // namespace

std::string_view TypeName(Want want) {
  switch (want) {
    case Want::kAny:
      return "interface {}";
    case Want::kString:
      return "string";
    case Want::kVector:
      return "template.queryResult";
    case Want::kSample:
      return "*template.sample";
  }
  return "";
}

const TemplateFunction* FindTemplateFunction(std::string_view name) {
  for (const TemplateFunction& function : Table()) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

std::vector<std::string_view> TemplateFunctionNames() {
  // Prometheus' own come behind Go's.
  std::vector<std::string_view> names;
  bool own = false;
  for (const TemplateFunction& function : Table()) {
    own |= function.name == "query";
    if (own) names.push_back(function.name);
  }
  return names;
}

std::optional<std::variant<int64_t, double>> GoNumber(const std::string& text) {
  std::string plain = text;
  plain.erase(std::remove(plain.begin(), plain.end(), '_'), plain.end());
  bool stray = text.empty() || text.back() == '_' || text.find("__") != std::string::npos;
  if (stray) return std::nullopt;
  bool negative = plain.starts_with('-');
  std::string_view digits = plain;
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int radix = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    char mark = static_cast<char>(digits[1] | 0x20);
    radix = mark == 'x' ? 16 : mark == 'b' ? 2 : mark == 'o' ? 8 : 10;
    if (radix != 10) digits.remove_prefix(2);
    bool octal = radix == 10 && digits.find_first_not_of("01234567") == std::string_view::npos;
    if (octal) radix = 8;
  }
  auto whole = base::ParseInt<uint64_t>(digits, radix);
  if (whole && *whole <= static_cast<uint64_t>(INT64_MAX)) {
    auto value = static_cast<int64_t>(*whole);
    return negative ? -value : value;
  }
  bool is_float = text.find_first_of(radix == 16 ? "pP" : ".eE") != std::string::npos;
  auto value = is_float ? base::ParseFloat(plain) : std::nullopt;
  if (!value) return std::nullopt;
  return *value;
}

std::optional<int64_t> GoCharacter(std::string_view quoted) {
  std::string text;
  if (!quoted.starts_with('\'') || !GoUnquote(quoted, &text) || text.empty()) return std::nullopt;
  auto first = static_cast<uint8_t>(text[0]);
  size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() != length) return std::nullopt;
  int64_t rune = length == 1 ? first : first & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) rune = rune << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
  return rune;
}

bool GoUnquote(std::string_view quoted, std::string* out) {
  // PromQL has Go's strings, but takes single quotes for more than one character.
  promql::Token token = promql::Lexer(quoted).Next();
  if (token.kind != promql::TokenKind::kString || token.text.size() != quoted.size()) return false;
  *out = promql::Unquote(quoted);
  return true;
}

}  // namespace slurmscope::rules
