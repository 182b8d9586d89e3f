#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/relabel.h"
#include "model/sample_log.h"
#include "remote/write_encoder.h"

namespace slurmscope::remote {

// What is known of metric families, by their names.
using Families = std::map<std::string, model::Metadata, std::less<>>;

// The series of a log as they are sent: with external labels, and relabelled. One entry for each
// series that the log may name. Not thread-safe.
class SeriesTable {
 public:
  SeriesTable(std::map<std::string, std::string> external, std::vector<config::RelabelConfig> rules)
      : external_(std::move(external)), rules_(std::move(rules)) {}

  // Takes in the series of a batch, what it says of their metrics, and which are gone.
  void Take(const model::LogBatch& batch);

  enum class Found { kSend, kDropped, kUnknown };
  // `series` is set where it is to be sent.
  Found Find(model::SeriesRef ref, std::shared_ptr<const OutgoingSeries>* series) const;

  // Gives what is known of a family to series of which the log said nothing.
  void SetFamilies(const Families& families);
  size_t size() const { return series_.size(); }

 private:
  std::shared_ptr<OutgoingSeries> Make(const model::LogBatch::Series& series) const;

  const std::map<std::string, std::string> external_;
  const std::vector<config::RelabelConfig> rules_;
  // Null: dropped by relabelling.
  std::unordered_map<model::SeriesRef, std::shared_ptr<OutgoingSeries>> series_;
};

// The family of a series by its name, with or without a suffix like _bucket; null when there is
// none.
const model::Metadata* FamilyOf(const Families& families, std::string_view metric);

}  // namespace slurmscope::remote
