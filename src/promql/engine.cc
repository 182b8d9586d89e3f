#include "promql/engine.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/strings.h"
#include "base/thread_pool.h"
#include "promql/eval.h"
#include "promql/query_gate.h"
#include "promql/sample_count.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

namespace {

size_t HelperThreads(int wanted) {
  size_t cores = std::max<size_t>(std::thread::hardware_concurrency(), 1);
  size_t threads = wanted > 0 ? static_cast<size_t>(wanted) : std::min<size_t>(cores, 64);
  return threads - 1;  // the query's own thread works too
}

double SecondsSince(int64_t begin_ns) {
  return static_cast<double>(base::SystemClock().SteadyNs() - begin_ns) / 1e9;
}

// What is worth an answer at once: little text, few series.
constexpr size_t kAtOnceBytes = 512;
constexpr size_t kAtOnceSeries = 64;

int64_t PositiveOr(int64_t value, int64_t fallback) { return value > 0 ? value : fallback; }

VectorResult ToVector(VectorValue vector, int64_t t) {
  VectorResult result;
  result.t = t;
  result.samples.reserve(vector.size());
  for (size_t i = 0; i < vector.size(); ++i) {
    if (IsAbsent(vector.values[i])) continue;
    VectorSample& sample = result.samples.emplace_back();
    sample.labels = std::move(vector.series[i].labels);
    sample.v = vector.values[i];
    if (vector.has_histograms()) sample.histogram = std::move(vector.histograms[i]);
  }
  return result;
}

// `histograms` may be null.
model::Columns ToColumns(const double* row, const HistogramPtr* histograms, const StepGrid& grid) {
  model::Columns points;
  auto present = static_cast<size_t>(
      std::count_if(row, row + grid.count, [](double v) { return !IsAbsent(v); }));
  points.t.reserve(present);
  points.v.reserve(present);
  for (size_t s = 0; s < grid.count; ++s) {
    if (IsAbsent(row[s])) continue;
    if (histograms != nullptr && histograms[s] != nullptr) {
      points.Append(grid.At(s), histograms[s]);
    } else {
      points.Append(grid.At(s), row[s]);
    }
  }
  return points;
}

void SortByLabels(std::vector<MatrixSeries>& series) {
  std::sort(series.begin(), series.end(),
            [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
}

MatrixResult ToMatrix(VectorValue vector, const StepGrid& grid) {
  MatrixResult result;
  result.series.reserve(vector.size());
  for (size_t i = 0; i < vector.size(); ++i) {
    const HistogramPtr* histograms =
        vector.has_histograms() ? vector.histograms.data() + i * vector.steps : nullptr;
    model::Columns points = ToColumns(vector.Row(i), histograms, grid);
    if (points.size() > 0)
      result.series.push_back({std::move(vector.series[i].labels), std::move(points)});
  }
  SortByLabels(result.series);
  return result;
}

MatrixResult ScalarMatrix(const std::vector<double>& column, const StepGrid& grid) {
  MatrixResult result;
  if (grid.count > 0) result.series.push_back({{}, ToColumns(column.data(), nullptr, grid)});
  return result;
}

// Of the points of a matrix, counted in series.
int64_t AnswerWeight(const Value& value) {
  constexpr size_t kPointBytes = sizeof(int64_t) + sizeof(double);
  return static_cast<int64_t>(value.vector.values.size() * kPointBytes / kSeriesBytes);
}

void FillInstant(QueryResult& result, Value value, int64_t t) {
  switch (value.type) {
    case ValueType::kScalar:
      result.value = ScalarResult{t, value.scalar.front()};
      return;
    case ValueType::kString:
      result.value = StringResult{t, std::move(value.text)};
      return;
    case ValueType::kVector:
      result.value = ToVector(std::move(value.vector), t);
      return;
    case ValueType::kMatrix:
      SortByLabels(value.matrix);
      result.value = MatrixResult{std::move(value.matrix)};
  }
}

}  // namespace

// Of the parts of all queries.
struct SliceTimes {
  void Observe(const QueryTimings& timings) {
    int64_t now = base::SystemClock().SteadyNs();
    queue.Observe(timings.queue, now);
    prepare.Observe(timings.preparation, now);
    inner.Observe(timings.inner_eval, now);
    sort.Observe(timings.result_sort, now);
  }
  base::DurationSummary queue;
  base::DurationSummary prepare;
  base::DurationSummary inner;
  base::DurationSummary sort;
};

struct Engine::State {
  explicit State(EngineOptions given)
      : options(given),
        gate(std::max(options.max_concurrency, 1)),
        subquery_step_ms(options.default_subquery_step_ms) {
    size_t helpers = HelperThreads(options.threads);
    if (helpers > 0) pool.emplace(helpers, 1024);
  }

  SliceTimes times;

  // One query that parsed.
  struct Query {
    model::Queryable& storage;
    std::string_view text;
    const Expr& expr;
    StepGrid grid;
    int64_t end = 0;
    bool instant = false;
    const QueryOptions& options;
    int64_t begin_ns = 0;
  };

  Result<QueryResult> Run(const Query& query);
  Result<void> Enter(const QueryOptions& wanted, int64_t deadline_ns);
  Result<QueryResult> Evaluate(const Query& query, int64_t deadline_ns, QueryStats* stats);
  Result<QueryResult> EvaluateIn(const Query& query, QueryContext& context, QueryStats* stats);
  QueryContext ContextOf(const Query& query, QueryGuard& guard, Annotations& notes);
  Result<void> CountInto(const Query& query, int64_t deadline_ns, QueryStats* stats);

  EngineOptions options;
  QueryGate gate;
  std::atomic<int64_t> subquery_step_ms;
  std::optional<base::ThreadPool> pool;
  QueryLog log;
};

Result<QueryResult> Engine::State::Run(const Query& query) {
  int64_t timeout_ms =
      std::min(PositiveOr(query.options.timeout_ms, options.timeout_ms), options.timeout_ms);
  int64_t deadline_ns =
      SaturatingAdd(query.begin_ns, std::min<int64_t>(timeout_ms, 1LL << 40) * 1'000'000);
  QueryStats stats;
  Result<QueryResult> result = Evaluate(query, deadline_ns, &stats);
  bool later = query.options.at_once && !result && result.error().code() == ErrorCode::kUnavailable;
  if (later) return result;
  stats.timings.total = SecondsSince(query.begin_ns);
  times.Observe(stats.timings);
  if (log.enabled()) {
    std::string_view error = result ? std::string_view() : result.error().message();
    log.Write({query.text, query.grid.start, query.end, query.instant ? 0 : query.grid.step,
               query.options.origin, stats, error});
  }
  if (result) result->stats = std::move(stats);
  return result;
}

Result<void> Engine::State::Enter(const QueryOptions& wanted, int64_t deadline_ns) {
  if (!wanted.at_once) return gate.Enter(deadline_ns, wanted.canceled);
  if (gate.TryEnter()) return {};
  return Fail(ErrorCode::kUnavailable, "other queries run");
}

Result<QueryResult> Engine::State::Evaluate(const Query& query, int64_t deadline_ns,
                                            QueryStats* stats) {
  int64_t waiting_ns = base::SystemClock().SteadyNs();
  auto entered = Enter(query.options, deadline_ns);
  stats->timings.queue = SecondsSince(waiting_ns);
  TRY(std::move(entered));
  struct Leaver {
    QueryGate& gate;
    ~Leaver() { gate.Leave(); }
  } leaver{gate};
  int64_t eval_ns = base::SystemClock().SteadyNs();
  stats->timings.preparation = static_cast<double>(waiting_ns - query.begin_ns) / 1e9;

  QueryGuard guard({deadline_ns, options.max_samples, options.max_bytes}, query.options.canceled);
  Annotations notes(query.text);
  QueryContext context = ContextOf(query, guard, notes);
  Result<QueryResult> result = EvaluateIn(query, context, stats);
  stats->samples_read = guard.read();
  stats->peak_samples = guard.peak();
  stats->timings.eval_total = SecondsSince(eval_ns) + stats->timings.preparation;
  if (result && query.options.stats != StatsWanted::kCheap) {
    TRY(CountInto(query, deadline_ns, stats));
  }
  return result;
}

Result<QueryResult> Engine::State::EvaluateIn(const Query& query, QueryContext& context,
                                              QueryStats* stats) {
  const StepGrid& grid = query.grid;
  // A grid too long for one column must fail before the column is made.
  SampleCharge columns;
  TRY(columns.Add(context.guard,
                  static_cast<int64_t>(std::min<size_t>(grid.count, size_t{1} << 61))));
  int64_t inner_ns = base::SystemClock().SteadyNs();
  auto evaluated = Evaluator(context).Eval(query.expr, grid);
  stats->timings.inner_eval = SecondsSince(inner_ns);
  Value value = TRY(std::move(evaluated));
  int64_t sort_ns = base::SystemClock().SteadyNs();
  if (value.type == ValueType::kVector) TRY(RemoveNames(value.vector, true));
  // The answer lies beside the table it is made of, with its times.
  SampleCharge answer;
  TRY(answer.Add(context.guard, 0, AnswerWeight(value)));
  QueryResult result;
  if (query.instant) {
    FillInstant(result, std::move(value), grid.start);
  } else if (value.type == ValueType::kScalar) {
    result.value = ScalarMatrix(value.scalar, grid);
  } else {
    result.value = ToMatrix(std::move(value.vector), grid);
  }
  result.warnings = context.notes.Warnings();
  result.infos = context.notes.Infos();
  stats->timings.result_sort = SecondsSince(sort_ns);
  return result;
}

QueryContext Engine::State::ContextOf(const Query& query, QueryGuard& guard, Annotations& notes) {
  QueryContext context{query.storage, pool ? &*pool : nullptr, guard, notes, query.grid, query.end};
  context.interval = query.instant ? 0 : query.grid.step;
  context.lookback_ms = PositiveOr(query.options.lookback_ms, options.lookback_ms);
  context.default_subquery_step_ms = subquery_step_ms.load(std::memory_order_relaxed);
  context.instant = query.instant;
  context.delayed_name_removal = options.delayed_name_removal;
  if (query.options.at_once) context.series_left = kAtOnceSeries;
  return context;
}

Result<void> Engine::State::CountInto(const Query& query, int64_t deadline_ns, QueryStats* stats) {
  // A guard of its own: what is held twice is the statistics' affair, not the query's.
  QueryGuard guard({deadline_ns, options.max_samples, options.max_bytes}, query.options.canceled);
  Annotations notes(query.text);
  QueryContext context = ContextOf(query, guard, notes);
  Evaluator evaluator(context);
  std::vector<int64_t> counts = TRY(CountSamples(evaluator, query.expr, query.grid));
  for (size_t i = 0; i < counts.size(); ++i) {
    stats->total_samples += counts[i];
    if (query.options.stats == StatsWanted::kPerStep) {
      stats->per_step.emplace_back(query.grid.At(i), counts[i]);
    }
  }
  return {};
}

Engine::Engine(EngineOptions options) : state_(std::make_unique<State>(options)) {}
Engine::~Engine() = default;

Result<QueryResult> Engine::Instant(model::Queryable& storage, std::string_view query, int64_t t,
                                    const QueryOptions& options) {
  int64_t begin_ns = base::SystemClock().SteadyNs();
  if (options.at_once && (query.size() > kAtOnceBytes || state_->log.enabled()))
    return Fail(ErrorCode::kUnavailable, "a long expression or a line of the log takes longer");
  ExprPtr expr = TRY(ParseExpr(query, state_->options.parser));
  return state_->Run({storage, query, *expr, StepGrid{t, 1, 1}, t, true, options, begin_ns});
}

Result<QueryResult> Engine::Range(model::Queryable& storage, std::string_view query, int64_t start,
                                  int64_t end, int64_t step, const QueryOptions& options) {
  if (step <= 0) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  int64_t begin_ns = base::SystemClock().SteadyNs();
  ExprPtr expr = TRY(ParseExpr(query, state_->options.parser));
  if (expr->type() != ValueType::kVector && expr->type() != ValueType::kScalar) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("invalid expression type \"", ToString(expr->type()),
                       "\" for range query, must be Scalar or instant Vector"));
  }
  return state_->Run(
      {storage, query, *expr, StepGrid::Between(start, end, step), end, false, options, begin_ns});
}

const EngineOptions& Engine::options() const { return state_->options; }
std::vector<Engine::Slice> Engine::slices(const std::vector<double>& ranks) const {
  int64_t now = base::SystemClock().SteadyNs();
  const SliceTimes& times = state_->times;
  return {{"inner_eval", times.inner.Read(ranks, now)},
          {"prepare_time", times.prepare.Read(ranks, now)},
          {"queue_time", times.queue.Read(ranks, now)},
          {"result_sort", times.sort.Read(ranks, now)}};
}

int Engine::active() const { return state_->gate.active(); }
QueryLog& Engine::log() { return state_->log; }
const QueryLog& Engine::log() const { return state_->log; }
void Engine::SetDefaultSubqueryStep(int64_t milliseconds) {
  state_->subquery_step_ms.store(milliseconds, std::memory_order_relaxed);
}

}  // namespace slurmscope::promql
