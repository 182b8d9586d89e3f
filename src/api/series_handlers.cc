// /series, /labels, /label/:name/values, /metadata
#include <algorithm>
#include <map>
#include <set>

#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "base/strings.h"

namespace slurmscope::api {
namespace {

using MatcherSets = std::vector<std::vector<model::Matcher>>;

constexpr std::string_view kTruncated = "results truncated due to limit";

// What /series, /labels and /label/x/values have in common.
struct Selection {
  int64_t start = 0;
  int64_t end = 0;
  size_t limit = 0;
  MatcherSets matchers;
};

Result<Selection> ParseSelection(const http::Request& request) {
  Selection selection;
  selection.limit = TRY(LimitParam(request));
  selection.start = TRY(TimeParam(request, "start", kMinTimeMs));
  selection.end = TRY(TimeParam(request, "end", kMaxTimeMs));
  selection.matchers = TRY(MatchersParam(request));
  return selection;
}

// `U__` names are how UTF-8 label names travel in a path: `__` is an underscore, `_HEX_` a code
// point.
std::string UnescapeLabelName(std::string_view name) {
  if (!name.starts_with("U__")) return std::string(name);
  std::string out;
  std::string_view rest = name.substr(3);
  while (!rest.empty()) {
    if (rest[0] != '_') {
      out += rest[0];
      rest.remove_prefix(1);
      continue;
    }
    if (rest.starts_with("__")) {
      out += '_';
      rest.remove_prefix(2);
      continue;
    }
    size_t end = rest.find('_', 1);
    if (end == std::string_view::npos) return std::string(name);
    auto code = base::ParseInt<uint32_t>(rest.substr(1, end - 1), 16);
    if (!code || *code > 0x10FFFF) return std::string(name);
    auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
    if (*code < 0x80) {
      put(*code);
    } else if (*code < 0x800) {
      put(0xC0 | (*code >> 6));
      put(0x80 | (*code & 63));
    } else if (*code < 0x10000) {
      put(0xE0 | (*code >> 12));
      put(0x80 | ((*code >> 6) & 63));
      put(0x80 | (*code & 63));
    } else {
      put(0xF0 | (*code >> 18));
      put(0x80 | ((*code >> 12) & 63));
      put(0x80 | ((*code >> 6) & 63));
      put(0x80 | (*code & 63));
    }
    rest.remove_prefix(end + 1);
  }
  return base::IsValidUtf8(out) ? out : std::string(name);
}

// Asks once for each matcher set (or once without any) and gives the union, sorted.
template <typename Ask>
Result<std::vector<std::string>> Union(const MatcherSets& sets, Ask ask) {
  if (sets.empty()) return ask(std::vector<model::Matcher>{});
  if (sets.size() == 1) return ask(sets[0]);
  std::set<std::string> all;
  for (const auto& matchers : sets) {
    for (std::string& name : TRY(ask(matchers))) all.insert(std::move(name));
  }
  return std::vector<std::string>(all.begin(), all.end());
}

http::Response NamesAnswer(Result<std::vector<std::string>> names, size_t limit) {
  if (!names) return ErrorResponse(names.error());
  std::vector<std::string> warnings;
  if (limit > 0 && names->size() > limit) {
    names->resize(limit);
    warnings.emplace_back(kTruncated);
  }
  return SuccessResponse(
      [&](base::JsonWriter& json) {
        json.BeginArray();
        for (const std::string& name : *names) json.String(name);
        json.EndArray();
      },
      warnings);
}

Result<std::vector<model::Labels>> SelectSeries(model::Queryable& storage,
                                                const Selection& selection,
                                                const http::Request& request,
                                                std::vector<std::string>* warnings) {
  auto querier = TRY(storage.NewQuerier(selection.start, selection.end));
  model::SelectHints hints;
  hints.start = selection.start;
  hints.end = selection.end;
  hints.func = "series";
  hints.series_only = true;
  std::vector<model::Labels> all;
  for (const auto& matchers : selection.matchers) {
    auto series = TRY(querier->Select(false, hints, matchers));
    all.reserve(all.size() + series->size());
    for (size_t i = 0; i < series->size(); ++i) {
      all.push_back(series->LabelsAt(i));
      if (i % 4096 == 0 && request.canceled()) {
        return base::Fail(base::ErrorCode::kCanceled, "request was canceled");
      }
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  *warnings = querier->Warnings();
  return all;
}

}  // namespace

http::Response Api::Series(const http::Request& request) const {
  if (!request.HasParam("match[]"))
    return ErrorResponse(ErrorType::kBadData, "no match[] parameter provided");
  auto selection = ParseSelection(request);
  if (!selection) return ErrorResponse(selection.error());
  std::vector<std::string> warnings;
  auto series = SelectSeries(deps_.storage(), *selection, request, &warnings);
  if (!series) return ErrorResponse(series.error());
  if (selection->limit > 0 && series->size() > selection->limit) {
    series->resize(selection->limit);
    warnings.emplace_back(kTruncated);
  }
  return SuccessResponse(
      [&](base::JsonWriter& json) {
        json.BeginArray();
        for (const model::Labels& labels : *series) WriteLabels(json, labels);
        json.EndArray();
      },
      warnings);
}

http::Response Api::LabelNames(const http::Request& request) const {
  auto selection = ParseSelection(request);
  if (!selection) return ErrorResponse(selection.error());
  auto querier = deps_.db.NewQuerier(selection->start, selection->end);
  if (!querier) return ErrorResponse(querier.error());
  // One more than the limit, so that a cut can be told.
  size_t limit = selection->limit == 0 ? 0 : selection->limit + 1;
  return NamesAnswer(
      Union(selection->matchers,
            [&](const auto& matchers) { return (*querier)->LabelNames(matchers, limit); }),
      selection->limit);
}

http::Response Api::LabelValues(const http::Request& request) const {
  std::string name = UnescapeLabelName(request.Param("name"));
  if (name.empty() || !base::IsValidUtf8(name)) {
    return ErrorResponse(ErrorType::kBadData,
                         base::StrCat("invalid label name: ", base::Quote(name)));
  }
  auto selection = ParseSelection(request);
  if (!selection) return ErrorResponse(selection.error());
  auto querier = deps_.db.NewQuerier(selection->start, selection->end);
  if (!querier) return ErrorResponse(querier.error());
  size_t limit = selection->limit == 0 ? 0 : selection->limit + 1;
  return NamesAnswer(
      Union(selection->matchers,
            [&](const auto& matchers) { return (*querier)->LabelValues(name, matchers, limit); }),
      selection->limit);
}

http::Response Api::Metadata(const http::Request& request) const {
  auto limit = LimitParam(request);
  if (!limit) return ErrorResponse(limit.error());
  auto limit_per_metric = LimitParam(request, "limit_per_metric");
  if (!limit_per_metric) return ErrorResponse(limit_per_metric.error());
  std::string_view wanted = request.Param("metric");
  std::map<std::string, std::vector<model::Metadata>> by_metric;
  for (scrape::MetadataEntry& entry : deps_.scrape.metadata()) {
    if (!wanted.empty() && entry.metric != wanted) continue;
    auto& known = by_metric[entry.metric];
    bool full = *limit_per_metric > 0 && known.size() >= *limit_per_metric;
    if (full || std::find(known.begin(), known.end(), entry.metadata) != known.end()) continue;
    known.push_back(std::move(entry.metadata));
  }
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject();
    size_t written = 0;
    for (const auto& [metric, entries] : by_metric) {
      if (*limit > 0 && written++ >= *limit) break;
      json.Key(metric).BeginArray();
      for (const model::Metadata& metadata : entries) {
        json.BeginObject()
            .Field("type", model::ToString(metadata.type))
            .Field("help", metadata.help);
        json.Field("unit", metadata.unit).EndObject();
      }
      json.EndArray();
    }
    json.EndObject();
  });
}

}  // namespace slurmscope::api
