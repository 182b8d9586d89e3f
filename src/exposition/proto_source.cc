#include "exposition/proto_source.h"

#include <cmath>
#include <limits>
#include <utility>

#include "base/protobuf.h"
#include "base/strings.h"
#include "exposition/proto_fields.h"
#include "exposition/proto_histogram.h"
#include "exposition/series_text.h"
#include "exposition/text_writer.h"
#include "model/sample.h"

namespace slurmscope::exposition {
namespace {

using base::ErrorCode;
using base::Fail;
using base::ProtoReader;
using base::StrCat;
using base::View;
using model::MetricType;

struct Family {
  std::string_view name;
  std::string_view help;
  std::string_view unit;
  int type = proto::kCounter;
};

MetricType TypeOf(int type) {
  switch (type) {
    case proto::kCounter:
      return MetricType::kCounter;
    case proto::kGauge:
      return MetricType::kGauge;
    case proto::kSummary:
      return MetricType::kSummary;
    case proto::kHistogram:
      return MetricType::kHistogram;
    case proto::kGaugeHistogram:
      return MetricType::kGaugeHistogram;
    default:
      return MetricType::kUnknown;
  }
}

// The fields of a family besides its metrics, in whatever order they come.
Family ReadFamily(ProtoReader message) {
  Family family;
  while (message.next()) {
    switch (message.tag()) {
      case proto::kFamilyName:
        family.name = View(message.get_view());
        break;
      case proto::kFamilyHelp:
        family.help = View(message.get_view());
        break;
      case proto::kFamilyType:
        family.type = message.get_enum();
        break;
      case proto::kFamilyUnit:
        family.unit = View(message.get_view());
        break;
      default:
        message.skip();
    }
  }
  return family;
}

Item MetadataItem(Entry::Kind kind, std::string_view word, const Family& family, std::string text) {
  Item item;
  item.kind = kind;
  item.raw = StrCat("# ", word, " ", family.name, " ", text);
  item.metric = family.name;
  item.text = std::move(text);
  item.type = TypeOf(family.type);
  return item;
}

void AddMetadata(const Family& family, std::vector<Item>* items) {
  if (!family.help.empty()) {
    std::string help;
    AppendEscapedHelp(help, family.help);
    items->push_back(MetadataItem(Entry::Kind::kHelp, "HELP", family, std::move(help)));
  }
  items->push_back(MetadataItem(Entry::Kind::kType, "TYPE", family,
                                std::string(model::ToString(TypeOf(family.type)))));
  if (!family.unit.empty())
    items->push_back(MetadataItem(Entry::Kind::kUnit, "UNIT", family, std::string(family.unit)));
}

double ReadValue(ProtoReader message) {
  double value = 0;
  while (message.next(proto::kValue)) value = message.get_double();
  return value;
}

struct Counter {
  double value = 0;
  std::optional<model::Exemplar> exemplar;
  int64_t created_ms = 0;
};

Counter ReadCounter(ProtoReader message) {
  Counter counter;
  while (message.next()) {
    switch (message.tag()) {
      case proto::kValue:
        counter.value = message.get_double();
        break;
      case proto::kCounterExemplar:
        counter.exemplar = ReadProtoExemplar(message.get_message());
        break;
      case proto::kCounterCreated:
        counter.created_ms = ReadProtoTimestamp(message.get_message());
        break;
      default:
        message.skip();
    }
  }
  return counter;
}

struct Summary {
  uint64_t count = 0;
  double sum = 0;
  std::vector<std::pair<double, double>> quantiles;
  int64_t created_ms = 0;
};

Summary ReadSummary(ProtoReader message) {
  Summary summary;
  while (message.next()) {
    switch (message.tag()) {
      case proto::kSummaryCount:
        summary.count = message.get_uint64();
        break;
      case proto::kSummarySum:
        summary.sum = message.get_double();
        break;
      case proto::kSummaryQuantile: {
        auto& [at, value] = summary.quantiles.emplace_back();
        ProtoReader quantile = message.get_message();
        while (quantile.next()) {
          if (quantile.tag() == proto::kQuantileOf) {
            at = quantile.get_double();
          } else if (quantile.tag() == proto::kQuantileValue) {
            value = quantile.get_double();
          } else {
            quantile.skip();
          }
        }
        break;
      }
      case proto::kSummaryCreated:
        summary.created_ms = ReadProtoTimestamp(message.get_message());
        break;
      default:
        message.skip();
    }
  }
  return summary;
}

// One metric: its labels, and the message of its value.
struct Metric {
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  std::optional<int64_t> timestamp;
  std::optional<ProtoReader> value;  // of the family's type
};

uint32_t ValueField(int type) {
  switch (type) {
    case proto::kCounter:
      return proto::kMetricCounter;
    case proto::kGauge:
      return proto::kMetricGauge;
    case proto::kSummary:
      return proto::kMetricSummary;
    case proto::kHistogram:
    case proto::kGaugeHistogram:
      return proto::kMetricHistogram;
    default:
      return proto::kMetricUntyped;
  }
}

Metric ReadMetric(ProtoReader message, int type) {
  Metric metric;
  while (message.next()) {
    if (message.tag() == ValueField(type)) {
      metric.value = message.get_message();
    } else if (message.tag() == proto::kMetricLabel) {
      metric.labels.push_back(ReadProtoLabel(message.get_message()));
    } else if (message.tag() == proto::kMetricTimestampMs) {
      if (const int64_t t = message.get_int64(); t != 0) metric.timestamp = t;
    } else {
      message.skip();
    }
  }
  return metric;
}

class Source {
 public:
  Source(std::string_view body, ProtoOptions options) : rest_(body), options_(options) {}

  Result<bool> operator()(std::vector<Item>* items) {
    bool more = true;
    Result<void> read = base::DecodeProtobuf([&]() -> Result<void> {
      more = TRY(Read(items));
      return {};
    });
    if (!read) return Fail(read.error());
    return more;
  }

 private:
  Result<bool> Read(std::vector<Item>* items) {
    if (metrics_.next(proto::kFamilyMetric)) {
      TRY(AddMetric(ReadMetric(metrics_.get_message(), family_.type), items));
      return true;
    }
    if (rest_.empty()) return false;
    const char* begin = rest_.data();
    const uint64_t size = protozero::decode_varint(&begin, rest_.data() + rest_.size());
    rest_.remove_prefix(static_cast<size_t>(begin - rest_.data()));
    if (size > rest_.size())
      return Fail(ErrorCode::kInvalidArgument, "the last protobuf message is cut off");
    const ProtoReader family(rest_.data(), size);
    rest_.remove_prefix(size);
    family_ = ReadFamily(family);
    if (family_.name.empty())
      return Fail(ErrorCode::kInvalidArgument, "a metric family without a name");
    metrics_ = family;
    AddMetadata(family_, items);
    return true;
  }

  Result<void> AddMetric(const Metric& metric, std::vector<Item>* items) {
    if (!metric.value) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("a metric of ", base::Quote(family_.name), " has no value of its type"));
    }
    const size_t first = items->size();
    switch (family_.type) {
      case proto::kCounter:
        AddCounter(metric, ReadCounter(*metric.value), items);
        break;
      case proto::kSummary:
        AddSummary(metric, ReadSummary(*metric.value), items);
        break;
      case proto::kHistogram:
      case proto::kGaugeHistogram: {
        ProtoHistogram histogram = TRY(ReadProtoHistogram(*metric.value));
        TRY(AddHistogram(metric, std::move(histogram), items));
        break;
      }
      default:
        Add(metric, "", {}, ReadValue(*metric.value), items);
    }
    for (size_t i = first; i < items->size(); ++i) (*items)[i].timestamp = metric.timestamp;
    return {};
  }

  Item& Add(const Metric& metric, std::string_view suffix, std::string_view extra, double value,
            std::vector<Item>* items) {
    Item& item = items->emplace_back();
    item.raw = SeriesText(family_.name, suffix, metric.labels, extra);
    // Only one NaN stands for "not a number" in storage.
    item.value = std::isnan(value) ? model::NormalNan() : value;
    return item;
  }

  void AddCounter(const Metric& metric, Counter counter, std::vector<Item>* items) {
    Item& item = Add(metric, "", {}, counter.value, items);
    item.created_ms = counter.created_ms;
    if (counter.exemplar) item.exemplars.push_back(*std::move(counter.exemplar));
  }

  void AddSummary(const Metric& metric, const Summary& summary, std::vector<Item>* items) {
    const int64_t created = summary.created_ms;
    Add(metric, "_count", {}, static_cast<double>(summary.count), items).created_ms = created;
    Add(metric, "_sum", {}, summary.sum, items).created_ms = created;
    for (const auto& [at, value] : summary.quantiles)
      Add(metric, "", StrCat("\"quantile\"=\"", FloatLabelText(at), "\""), value, items);
  }

  Result<void> AddHistogram(const Metric& metric, ProtoHistogram histogram,
                            std::vector<Item>* items) {
    const bool native = options_.native_histograms && histogram.has_native;
    if (native) {
      Item& item = Add(metric, "", {}, 0, items);
      item.histogram = TRY(NativeHistogram(histogram, family_.type == proto::kGaugeHistogram));
      item.created_ms = histogram.created_ms;
      item.exemplars = NativeExemplars(histogram);
    }
    if (native && !options_.always_classic) return {};
    const double count = histogram.count();
    const int64_t created = histogram.created_ms;
    Add(metric, "_count", {}, count, items).created_ms = created;
    Add(metric, "_sum", {}, histogram.sum, items).created_ms = created;
    bool has_infinity = false;
    for (ClassicBucket& bucket : histogram.buckets) {
      has_infinity |= std::isinf(bucket.upper_bound) && bucket.upper_bound > 0;
      AddBucket(metric, std::move(bucket), created, items);
    }
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (!has_infinity) AddBucket(metric, {kInfinity, count, {}}, created, items);
    return {};
  }

  void AddBucket(const Metric& metric, ClassicBucket bucket, int64_t created,
                 std::vector<Item>* items) {
    Item& item =
        Add(metric, "_bucket", StrCat("\"le\"=\"", FloatLabelText(bucket.upper_bound), "\""),
            bucket.count, items);
    item.created_ms = created;
    if (bucket.exemplar) item.exemplars.push_back(*std::move(bucket.exemplar));
  }

  std::string_view rest_;
  const ProtoOptions options_;
  Family family_;
  ProtoReader metrics_;  // of the family
};

}  // namespace

ItemReader::Source ProtoSource(std::string_view body, ProtoOptions options) {
  return Source(body, options);
}

}  // namespace slurmscope::exposition
