#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/protobuf.h"
#include "base/result.h"
#include "exposition/item_reader.h"
#include "model/bucket_message.h"

// Parts of io.prometheus.client messages; all are to be called inside base::DecodeProtobuf.
namespace slurmscope::exposition {

struct ClassicBucket {
  double upper_bound = 0;
  double count = 0;  // of all up to here
  std::optional<model::Exemplar> exemplar = {};
};

// A Histogram message as it stands.
struct ProtoHistogram {
  uint64_t whole_count = 0;
  double float_count = 0;
  double sum = 0;
  std::vector<ClassicBucket> buckets;
  int32_t schema = 0;
  double zero_threshold = 0;
  uint64_t zero_count = 0;
  double float_zero_count = 0;
  model::BucketSide negative;
  model::BucketSide positive;
  std::vector<model::Exemplar> exemplars;
  int64_t created_ms = 0;
  bool has_native = false;

  double count() const { return float_count > 0 ? float_count : static_cast<double>(whole_count); }
};

Result<ProtoHistogram> ReadProtoHistogram(base::ProtoReader message);
// The native part. kInvalidArgument when spans and counts do not fit together.
Result<HistogramValue> NativeHistogram(const ProtoHistogram& histogram, bool gauge);
// The exemplars of the native part: its own ones or, where it has none, those of the buckets; only
// ones with a time, as in Prometheus.
std::vector<model::Exemplar> NativeExemplars(const ProtoHistogram& histogram);

std::pair<std::string_view, std::string_view> ReadProtoLabel(base::ProtoReader message);
// nullopt when its labels are not UTF-8.
std::optional<model::Exemplar> ReadProtoExemplar(base::ProtoReader message);
// Milliseconds since the epoch.
int64_t ReadProtoTimestamp(base::ProtoReader message);

}  // namespace slurmscope::exposition
