#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "model/querier.h"

namespace slurmscope::promql {

// Samples in plain columns: what test scripts and tests query. Thread-safe; a querier sees what was
// added before it was made, or also what came later.
class MemoryStorage final : public model::Queryable {
 public:
  // Samples of a series may come in any order; the last value given for a time stays.
  void Add(const model::Labels& labels, int64_t t, double v);
  void Add(const model::Labels& labels, const model::Columns& samples);
  void Clear();

  base::Result<std::unique_ptr<model::Querier>> NewQuerier(int64_t mint, int64_t maxt) override;

 private:
  friend class MemoryQuerier;
  using SeriesMap = std::map<model::Labels, std::shared_ptr<const model::Columns>>;

  mutable std::shared_mutex mutex_;
  SeriesMap series_;
};

}  // namespace slurmscope::promql
