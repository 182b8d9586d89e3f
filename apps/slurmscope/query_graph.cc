#include <algorithm>
#include <array>
#include <cmath>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "query_print.h"

namespace slurmscope::app {
namespace {

using base::StrAppend;
using base::StrCat;

constexpr size_t kColumns = 72;
constexpr size_t kMaxSeries = 20;

// From the lowest to the highest.
constexpr std::array<std::string_view, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 8> kAscii = {"_", ".", "-", "~", "=", "+", "*", "#"};

struct Scale {
  int64_t begin = 0;
  int64_t end = 0;
  double low = 0;
  double high = 0;

  size_t Column(int64_t t) const {
    if (end <= begin) return 0;
    double part = static_cast<double>(t - begin) / static_cast<double>(end - begin);
    return std::min(static_cast<size_t>(part * kColumns), kColumns - 1);
  }
  size_t Level(double v) const {
    if (!(high > low)) return 0;
    double part = std::clamp((v - low) / (high - low), 0.0, 1.0);
    return std::min<size_t>(static_cast<size_t>(part * 8), 7);
  }
};

Scale ScaleOf(const QueryAnswer& answer) {
  Scale scale;
  bool any_time = false;
  bool any_value = false;
  for (const AnswerSeries& series : answer.series) {
    for (const AnswerPoint& point : series.points) {
      scale.begin = any_time ? std::min(scale.begin, point.t) : point.t;
      scale.end = any_time ? std::max(scale.end, point.t) : point.t;
      any_time = true;
      if (point.histogram || !std::isfinite(point.v)) continue;
      scale.low = any_value ? std::min(scale.low, point.v) : point.v;
      scale.high = any_value ? std::max(scale.high, point.v) : point.v;
      any_value = true;
    }
  }
  return scale;
}

// The highest value of each column, so that a peak is never lost.
std::string Line(const AnswerSeries& series, const Scale& scale, bool utf8) {
  std::array<double, kColumns> highest{};
  highest.fill(NAN);
  for (const AnswerPoint& point : series.points) {
    if (point.histogram) continue;
    double& cell = highest[scale.Column(point.t)];
    cell = std::fmax(cell, point.v);
  }
  const auto& marks = utf8 ? kBlocks : kAscii;
  std::string line;
  for (double v : highest) line += std::isnan(v) ? " " : marks[scale.Level(v)];
  return line;
}

std::string Short(double v) {
  std::array<char, 32> text{};
  int size = std::snprintf(text.data(), text.size(), "%.5g", v);
  return {text.data(), static_cast<size_t>(size)};
}

}  // namespace

std::string PrintGraph(const QueryAnswer& answer, bool utf8) {
  if (answer.series.empty()) return "no series\n";
  const Scale scale = ScaleOf(answer);
  std::string out =
      StrCat(base::FormatRfc3339Ms(scale.begin), " to ", base::FormatRfc3339Ms(scale.end),
             ", from ", Short(scale.low), " to ", Short(scale.high), "\n");
  size_t shown = std::min(answer.series.size(), kMaxSeries);
  for (size_t i = 0; i < shown; ++i) {
    const AnswerSeries& series = answer.series[i];
    StrAppend(out, "\n", MetricText(series.labels), "\n|", Line(series, scale, utf8), "|");
    if (!series.points.empty() && !series.points.back().histogram) {
      StrAppend(out, " ", Short(series.points.back().v));
    }
    out += '\n';
  }
  if (shown < answer.series.size()) {
    StrAppend(out, "\n... and ", answer.series.size() - shown, " series more\n");
  }
  return out;
}

}  // namespace slurmscope::app
