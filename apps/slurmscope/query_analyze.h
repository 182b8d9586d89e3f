#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "query_answer.h"

namespace slurmscope::app {

// How many buckets of the histograms in some matrices hold observations, for `query analyze`.
// Series of floats with `le` whose name ends in _bucket are classic histograms, series of
// histograms native ones; those with fewer than two samples are left out, as is all else.
class HistogramUse {
 public:
  void Add(const QueryAnswer& matrix);
  // promtool's lines, in the order of the labels, and the totals of both kinds.
  std::string Report() const;

 private:
  // Buckets in use, over the samples of one histogram.
  struct Use {
    size_t least = std::numeric_limits<size_t>::max();
    size_t most = 0;
    size_t total = 0;
    size_t samples = 0;
    size_t buckets = 0;  // different ones, used or not
    void Count(size_t used);
    double average() const { return static_cast<double>(total) / static_cast<double>(samples); }
  };
  // One figure of Use over many histograms.
  struct Spread {
    size_t least = std::numeric_limits<size_t>::max();
    size_t most = 0;
    double total = 0;
    void Count(size_t figure);
    std::string Text(size_t count) const;
    bool operator==(const Spread&) const = default;
  };
  struct Totals {
    size_t histograms = 0;
    Spread least;
    Spread average;
    Spread most;
    Spread buckets;
    void Count(const Use& use);
    std::string Text(std::string_view kind) const;
  };
  void AddNative(const AnswerSeries& series);
  void AddClassic(const std::string& name, std::vector<const AnswerSeries*> buckets);
  void AddLine(const std::string& name, std::string_view kind, const Use& use, Totals& totals);

  std::string lines_;
  Totals native_;
  Totals classic_;
};

}  // namespace slurmscope::app
