// /federate: the newest samples of series that another server asks for, as an exposition.
// https://prometheus.io/docs/prometheus/latest/federation/
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "base/strings.h"
#include "exposition/federation_writer.h"
#include "promql/parser.h"

namespace slurmscope::api {
namespace {

using exposition::FederatedSample;

http::Response PlainError(int status, std::string_view message) {
  return http::Response::Text(status, base::StrCat(message, "\n"));
}

// The newest sample of each series in [mint, maxt], without those that have ended.
Result<void> Collect(model::Querier& querier, const std::vector<model::Matcher>& matchers,
                     const model::SelectHints& hints, const http::Request& request,
                     std::vector<FederatedSample>* out) {
  auto series = TRY(querier.Select(false, hints, matchers));
  model::Columns columns;
  for (size_t i = 0; i < series->size(); ++i) {
    if (i % 4096 == 0 && request.canceled())
      return base::Fail(base::ErrorCode::kCanceled, "request was canceled");
    TRY(series->DecodeNewest(i, hints.start, hints.end, &columns));
    if (columns.size() == 0) continue;
    const size_t last = columns.size() - 1;
    const bool histogram = columns.Histogram(last) != nullptr;
    if (!histogram && model::IsStale(columns.v[last])) continue;
    FederatedSample& sample = out->emplace_back();
    sample.labels = series->LabelsAt(i);
    sample.t = columns.t[last];
    sample.value = columns.v[last];
    if (histogram) sample.histogram = columns.h[last];
  }
  return {};
}

// By name, then by all labels; a series that several selectors name is there once.
void SortByName(std::vector<FederatedSample>* samples) {
  std::sort(samples->begin(), samples->end(),
            [](const FederatedSample& a, const FederatedSample& b) {
              const int order =
                  a.labels.Get(model::kMetricName).compare(b.labels.Get(model::kMetricName));
              return order != 0 ? order < 0 : a.labels < b.labels;
            });
  samples->erase(std::unique(samples->begin(), samples->end(),
                             [](const FederatedSample& a, const FederatedSample& b) {
                               return a.labels == b.labels;
                             }),
                 samples->end());
}

}  // namespace

http::Response Api::Federate(const http::Request& request) const {
  std::vector<std::vector<model::Matcher>> sets;
  for (std::string_view selector : request.ParamAll("match[]")) {
    auto matchers = promql::ParseMetricSelector(selector);
    if (!matchers) return PlainError(400, matchers.error().message());
    sets.push_back(*std::move(matchers));
  }
  model::SelectHints hints;
  hints.end = deps_.clock.NowMs();
  hints.start = hints.end - deps_.engine.options().lookback_ms;
  std::vector<FederatedSample> samples;
  auto querier = deps_.db.NewQuerier(hints.start, hints.end);
  Result<void> done = querier ? Result<void>() : Result<void>(base::Fail(querier.error()));
  for (size_t i = 0; done && i < sets.size(); ++i)
    done = Collect(**querier, sets[i], hints, request, &samples);
  if (!done) {
    ++federation_errors_;
    return PlainError(500, done.error().message());
  }
  SortByName(&samples);
  const auto format = exposition::FederationFormat::Of(request.Header("Accept"));
  http::Response response;
  response.content_type = format.content_type();
  response.body = exposition::WriteFederation(samples, deps_.runtime().external_labels, format);
  return response;
}

}  // namespace slurmscope::api
