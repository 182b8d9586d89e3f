// /rules, /alerts, /alertmanagers
#include <algorithm>
#include <optional>
#include <set>

#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "base/bytes.h"
#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "notify/manager.h"
#include "rules/manager.h"

namespace slurmscope::api {
namespace {

using base::StrCat;
using rules::GroupStatus;
using rules::RuleStatus;

std::string TimeText(int64_t ms) {
  // Go's zero time stands for "not yet", as clients of Prometheus expect.
  return ms == 0 ? "0001-01-01T00:00:00Z" : base::FormatRfc3339Ms(ms);
}

double Seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

// Go's 'e' with the shortest digits, as Prometheus writes the value of an alert.
std::string ScientificText(double value) {
  char buffer[64];
  if (!(value - value == 0)) return base::FormatFloat(value, base::FloatStyle::kApi);
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  return {buffer, end.ptr};
}

void WriteMap(base::JsonWriter& json, std::string_view key,
              const std::map<std::string, std::string>& map) {
  json.Key(key).BeginObject();
  for (const auto& [name, value] : map) json.Field(name, value);
  json.EndObject();
}

void WriteAlert(base::JsonWriter& json, const rules::AlertStatus& alert) {
  json.BeginObject().Key("labels");
  WriteLabels(json, alert.labels);
  WriteMap(json, "annotations", alert.annotations);
  json.Field("state", rules::ToString(alert.state));
  json.Field("activeAt", TimeText(alert.active_at_ms));
  if (alert.keep_firing_since_ms != 0)
    json.Field("keepFiringSince", TimeText(alert.keep_firing_since_ms));
  json.Field("value", ScientificText(alert.value)).EndObject();
}

void WriteRule(base::JsonWriter& json, const RuleStatus& rule, bool with_alerts) {
  json.BeginObject();
  if (rule.alerting) json.Field("state", rules::ToString(rule.state));
  json.Field("name", rule.name).Field("query", rule.query);
  if (rule.alerting) {
    json.Field("duration", Seconds(rule.for_ms));
    json.Field("keepFiringFor", Seconds(rule.keep_firing_for_ms));
  }
  WriteMap(json, "labels", rule.labels);
  if (rule.alerting) {
    WriteMap(json, "annotations", rule.annotations);
    json.Key("alerts").BeginArray();
    if (with_alerts) {
      for (const rules::AlertStatus& alert : rule.alerts) WriteAlert(json, alert);
    }
    json.EndArray();
  }
  json.Field("health", rules::ToString(rule.health));
  if (!rule.last_error.empty()) json.Field("lastError", rule.last_error);
  json.Field("evaluationTime", rule.evaluation_seconds);
  json.Field("lastEvaluation", TimeText(rule.last_evaluation_ms));
  json.Field("type", rule.alerting ? "alerting" : "recording").EndObject();
}

void WriteGroup(base::JsonWriter& json, const GroupStatus& group, bool with_alerts) {
  json.BeginObject().Field("name", group.name).Field("file", group.file);
  json.Key("rules").BeginArray();
  for (const RuleStatus& rule : group.rules) WriteRule(json, rule, with_alerts);
  json.EndArray().Field("interval", Seconds(group.interval_ms)).Field("limit", group.limit);
  json.Field("evaluationTime", group.evaluation_seconds);
  json.Field("lastEvaluation", TimeText(group.last_evaluation_ms)).EndObject();
}

// What a request wants to see of the rules.
struct RuleFilter {
  bool alerting = true;
  bool recording = true;
  bool with_alerts = true;
  std::set<std::string, std::less<>> names;
  std::set<std::string, std::less<>> groups;
  std::set<std::string, std::less<>> files;
  std::vector<std::vector<model::Matcher>> matchers;
  size_t group_limit = 0;  // 0: none
  std::string next_token;

  bool Wants(const GroupStatus& group) const {
    return (groups.empty() || groups.contains(group.name)) &&
           (files.empty() || files.contains(group.file));
  }
  bool Wants(const RuleStatus& rule) const {
    if (rule.alerting ? !alerting : !recording) return false;
    if (!names.empty() && !names.contains(rule.name)) return false;
    return matchers.empty() || std::any_of(matchers.begin(), matchers.end(), [&](const auto& all) {
             return std::all_of(all.begin(), all.end(), [&](const model::Matcher& matcher) {
               auto label = rule.labels.find(matcher.name());
               return matcher.Matches(label == rule.labels.end() ? "" : label->second);
             });
           });
  }
};

std::set<std::string, std::less<>> SetParam(const http::Request& request, std::string_view name) {
  std::set<std::string, std::less<>> set;
  for (std::string_view value : request.ParamAll(name)) set.emplace(value);
  return set;
}

base::Error Invalid(std::string_view name, std::string_view problem) {
  return {base::ErrorCode::kInvalidArgument,
          StrCat("invalid parameter ", base::Quote(name), ": ", problem)};
}

Result<bool> BoolParam(const http::Request& request, std::string_view name) {
  std::string_view text = request.Param(name);
  if (text.empty()) return false;
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return base::Fail(Invalid(name, StrCat("error converting ", name, ": strconv.ParseBool: parsing ",
                                         base::Quote(text), ": invalid syntax")));
}

Result<void> ReadPaging(const http::Request& request, RuleFilter* filter) {
  std::string_view limit = request.Param("group_limit");
  filter->next_token = request.Param("group_next_token");
  if (limit.empty()) {
    if (filter->next_token.empty()) return {};
    return base::Fail(
        Invalid("group_next_token",
                "group_limit needs to be present in order to paginate over the groups"));
  }
  auto number = base::ParseInt<int32_t>(limit);
  if (!number) {
    return base::Fail(
        Invalid("group_limit", StrCat("group_limit needs to be a valid number: strconv.ParseInt: "
                                      "parsing ",
                                      base::Quote(limit), ": invalid syntax")));
  }
  if (*number <= 0)
    return base::Fail(Invalid("group_limit", "group_limit needs to be greater than 0"));
  filter->group_limit = static_cast<size_t>(*number);
  return {};
}

Result<RuleFilter> ReadFilter(const http::Request& request) {
  RuleFilter filter;
  std::string type(request.Param("type"));
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (!type.empty() && type != "alert" && type != "record")
    return base::Fail(Invalid("type", StrCat("not supported value ", base::Quote(type))));
  filter.alerting = type != "record";
  filter.recording = type != "alert";
  filter.with_alerts = !TRY(BoolParam(request, "exclude_alerts"));
  filter.names = SetParam(request, "rule_name[]");
  filter.groups = SetParam(request, "rule_group[]");
  filter.files = SetParam(request, "file[]");
  filter.matchers = TRY(MatchersParam(request));
  TRY(ReadPaging(request, &filter));
  return filter;
}

// Names a group in group_next_token.
std::string TokenOf(const GroupStatus& group) {
  uint64_t hash = base::Hash64(StrCat(group.file, ";", group.name));
  std::string token;
  for (int shift = 60; shift >= 0; shift -= 4) token += "0123456789abcdef"[hash >> shift & 15];
  return token;
}

struct RulesPage {
  std::vector<GroupStatus> groups;
  std::string next_token;
};

Result<RulesPage> SelectRules(std::vector<GroupStatus> groups, const RuleFilter& filter) {
  RulesPage page;
  auto first = groups.begin();
  if (!filter.next_token.empty()) {
    first = std::find_if(groups.begin(), groups.end(), [&](const GroupStatus& group) {
      return TokenOf(group) == filter.next_token;
    });
    if (first == groups.end()) {
      return base::Fail(Invalid(
          "group_next_token",
          StrCat("invalid group_next_token '", filter.next_token, "'. were rule groups changed?")));
    }
  }
  for (auto group = first; group != groups.end(); ++group) {
    if (!filter.Wants(*group)) continue;
    bool was_empty = group->rules.empty();
    std::erase_if(group->rules, [&](const RuleStatus& rule) { return !filter.Wants(rule); });
    if (group->rules.empty() && !was_empty) continue;
    if (filter.group_limit > 0 && page.groups.size() == filter.group_limit) {
      page.next_token = TokenOf(*group);
      break;
    }
    page.groups.push_back(std::move(*group));
  }
  return page;
}

}  // namespace

http::Response Api::Rules(const http::Request& request) const {
  auto filter = ReadFilter(request);
  if (!filter) return ErrorResponse(filter.error());
  auto groups = deps_.rules == nullptr ? std::vector<GroupStatus>() : deps_.rules->groups();
  auto page = SelectRules(std::move(groups), *filter);
  if (!page) return ErrorResponse(page.error());
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject().Key("groups").BeginArray();
    for (const GroupStatus& group : page->groups) WriteGroup(json, group, filter->with_alerts);
    json.EndArray();
    if (!page->next_token.empty()) json.Field("groupNextToken", page->next_token);
    json.EndObject();
  });
}

http::Response Api::Alerts(const http::Request&) const {
  auto groups = deps_.rules == nullptr ? std::vector<GroupStatus>() : deps_.rules->groups();
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject().Key("alerts").BeginArray();
    for (const GroupStatus& group : groups) {
      for (const RuleStatus& rule : group.rules) {
        for (const rules::AlertStatus& alert : rule.alerts) WriteAlert(json, alert);
      }
    }
    json.EndArray().EndObject();
  });
}

http::Response Api::Alertmanagers(const http::Request&) const {
  notify::Alertmanagers known;
  if (deps_.notify != nullptr) known = deps_.notify->alertmanagers();
  return SuccessResponse([&](base::JsonWriter& json) {
    auto write = [&](std::string_view key, const std::vector<std::string>& urls) {
      json.Key(key).BeginArray();
      for (const std::string& url : urls) json.BeginObject().Field("url", url).EndObject();
      json.EndArray();
    };
    json.BeginObject();
    write("activeAlertmanagers", known.active);
    write("droppedAlertmanagers", known.dropped);
    json.EndObject();
  });
}

}  // namespace slurmscope::api
