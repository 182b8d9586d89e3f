#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/exemplar.h"
#include "model/int_histogram.h"
#include "model/labels.h"
#include "model/metadata.h"

// Writes the messages of remote write: https://prometheus.io/docs/specs/prw/.
namespace slurmscope::remote {

// A series as it is sent.
struct OutgoingSeries {
  uint64_t ref = 0;
  std::string labels;        // as EncodeLabels gives them
  model::Metadata metadata;  // empty when nothing is known
};
// Labels as they stand in a series of a 1.0 message: written once, copied into each request.
std::string EncodeLabels(const model::Labels& labels);
// Of what EncodeLabels has made: the labels, and the metric's name ("": none).
model::Labels DecodeLabels(std::string_view encoded);
std::string_view MetricNameOf(std::string_view encoded);

using OutgoingHistogram = std::variant<model::IntHistogram, model::FloatHistogram>;

// A sample, histogram or exemplar on its way.
struct OutgoingItem {
  std::shared_ptr<const OutgoingSeries> series;
  int64_t t = 0;
  std::variant<double, std::unique_ptr<OutgoingHistogram>, std::unique_ptr<model::Exemplar>> value;
  uint64_t batch = 0;  // of the log, for acknowledging

  size_t kind() const { return value.index(); }
};
inline constexpr size_t kSamples = 0;
inline constexpr size_t kHistograms = 1;
inline constexpr size_t kExemplars = 2;
inline constexpr size_t kKinds = 3;

enum class WriteVersion { kV1, kV2 };

// Items of one series stay in their order; samples and histograms of one are never in one entry,
// as receivers take all of one kind first.
std::string EncodeWrite(WriteVersion version, const OutgoingItem* items, size_t count);

struct FamilyMetadata {
  std::string family;
  model::Metadata metadata;
};
// A 1.0 message with nothing but metadata.
std::string EncodeMetadataV1(const FamilyMetadata* families, size_t count);

}  // namespace slurmscope::remote
