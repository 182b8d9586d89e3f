#include "remote/write_encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/protobuf.h"
#include "remote/histogram_message.h"

namespace slurmscope::remote {
namespace {

using base::ProtoWriter;

// Where the fields of a series lie in the two versions.
struct Fields {
  protozero::pbf_tag_type request_series;
  protozero::pbf_tag_type samples = 2;
  protozero::pbf_tag_type histograms;
  protozero::pbf_tag_type exemplars;
};
constexpr Fields kFieldsV1{1, 2, 4, 3};
constexpr Fields kFieldsV2{5, 2, 3, 4};

// Calls `take` with name and value of each of the labels that EncodeLabels has written, whose
// fields are all there and in their order.
template <typename Take>
void ForEachLabel(std::string_view encoded, const Take& take) {
  const char* at = encoded.data();
  const char* const end = at + encoded.size();
  auto length = [&] {
    ++at;  // the field's number
    return static_cast<size_t>(protozero::decode_varint(&at, end));
  };
  auto text = [&] {
    const size_t size = length();
    return std::string_view(std::exchange(at, at + size), size);
  };
  while (at != end) {
    length();  // of both together
    const std::string_view name = text();
    take(name, text());
  }
}

class TextLabels {
 public:
  explicit TextLabels(std::string* out) : out_(out) {}

  // An entry of nothing but samples, the usual one: its length is known before it is written, and
  // nothing has to be moved. False when it is another one.
  bool WritePlain(const OutgoingItem* const* items, size_t count) {
    const std::string& labels = items[0]->series->labels;
    size_t size = labels.size();
    for (size_t i = 0; i < count; ++i) {
      if (items[i]->kind() != kSamples) return false;
      size += 2 + SampleSize(items[i]->t);
    }
    BeginMessage(kFieldsV1.request_series, size);
    *out_ += labels;
    for (size_t i = 0; i < count; ++i) {
      BeginMessage(kFieldsV1.samples, SampleSize(items[i]->t));
      char value[1 + sizeof(double)] = {1 << 3 | 1};
      std::memcpy(value + 1, &std::get<kSamples>(items[i]->value), sizeof(double));
      out_->append(value, sizeof value);
      *out_ += static_cast<char>(2 << 3);
      base::PutUvarint(*out_, static_cast<uint64_t>(items[i]->t));
    }
    return true;
  }
  // Into the message that is being written.
  void Write(const std::string& encoded, ProtoWriter*) { *out_ += encoded; }
  void Write(const model::Labels& labels, ProtoWriter*) { *out_ += EncodeLabels(labels); }
  void WriteMetadata(const model::Metadata&, ProtoWriter*) {}

 private:
  // At most 20: its length is one byte.
  static size_t SampleSize(int64_t t) {
    return 9 + 1 + static_cast<size_t>(protozero::length_of_varint(static_cast<uint64_t>(t)));
  }
  void BeginMessage(protozero::pbf_tag_type field, size_t size) {
    *out_ += static_cast<char>(field << 3 | 2);
    base::PutUvarint(*out_, size);
  }

  std::string* const out_;
};
static_assert(std::endian::native == std::endian::little);

// Numbers of texts that stand once in the request; number 0 is the empty text.
class SymbolLabels {
 public:
  SymbolLabels() { Number(""); }

  bool WritePlain(const OutgoingItem* const*, size_t) { return false; }
  void Write(const std::string& encoded, ProtoWriter* message) {
    numbers_.clear();
    ForEachLabel(encoded, [this](std::string_view name, std::string_view value) {
      numbers_.push_back(Number(name));
      numbers_.push_back(Number(value));
    });
    message->add_packed_uint32(1, numbers_.begin(), numbers_.end());
  }
  void Write(const model::Labels& labels, ProtoWriter* message) {
    numbers_.clear();
    for (model::Label label : labels) {
      numbers_.push_back(Number(label.name));
      numbers_.push_back(Number(label.value));
    }
    message->add_packed_uint32(1, numbers_.begin(), numbers_.end());
  }
  void WriteMetadata(const model::Metadata& metadata, ProtoWriter* series) {
    if (metadata == model::Metadata{}) return;
    ProtoWriter message(*series, 5);
    message.add_enum(1, static_cast<int32_t>(metadata.type));
    message.add_uint32(3, Number(metadata.help));
    message.add_uint32(4, Number(metadata.unit));
  }
  void WriteSymbols(ProtoWriter* request) const {
    for (std::string_view symbol : symbols_) request->add_string(4, symbol.data(), symbol.size());
  }

 private:
  uint32_t Number(std::string_view text) {
    auto [it, fresh] = known_.try_emplace(text, static_cast<uint32_t>(symbols_.size()));
    if (fresh) symbols_.push_back(text);
    return it->second;
  }

  std::unordered_map<std::string_view, uint32_t> known_;
  std::vector<std::string_view> symbols_;  // into the items
  std::vector<uint32_t> numbers_;
};

template <typename LabelWriter>
void WriteItem(const OutgoingItem& item, const Fields& fields, LabelWriter& labels,
               ProtoWriter* series) {
  if (item.kind() == kSamples) {
    ProtoWriter sample(*series, fields.samples);
    sample.add_double(1, std::get<kSamples>(item.value));
    sample.add_int64(2, item.t);
  } else if (item.kind() == kHistograms) {
    ProtoWriter histogram(*series, fields.histograms);
    EncodeHistogram(*std::get<kHistograms>(item.value), item.t, &histogram);
  } else {
    const model::Exemplar& exemplar = *std::get<kExemplars>(item.value);
    ProtoWriter message(*series, fields.exemplars);
    labels.Write(exemplar.labels, &message);
    message.add_double(2, exemplar.value);
    message.add_int64(3, item.t);
  }
}

using Order = std::vector<const OutgoingItem*>;

// How many of the items at `first` go into one entry.
size_t RunLength(const Order& order, size_t first) {
  size_t value_kind = kExemplars;
  size_t end = first;
  for (; end < order.size() && order[end]->series == order[first]->series; ++end) {
    size_t kind = order[end]->kind();
    if (kind == kExemplars) continue;
    if (value_kind != kExemplars && kind != value_kind) break;
    value_kind = kind;
  }
  return end - first;
}

template <typename LabelWriter>
void WriteEntries(const Order& order, const Fields& fields, LabelWriter& labels,
                  ProtoWriter* request) {
  for (size_t i = 0; i < order.size();) {
    const size_t first = i;
    i += RunLength(order, first);
    if (labels.WritePlain(&order[first], i - first)) continue;
    ProtoWriter series(*request, fields.request_series);
    labels.Write(order[first]->series->labels, &series);
    for (size_t k = first; k < i; ++k) WriteItem(*order[k], fields, labels, &series);
    labels.WriteMetadata(order[first]->series->metadata, &series);
  }
}

}  // namespace

std::string EncodeLabels(const model::Labels& labels) {
  std::string out;
  ProtoWriter message(out);
  for (model::Label label : labels) {
    ProtoWriter pair(message, 1);
    pair.add_string(1, label.name.data(), label.name.size());
    pair.add_string(2, label.value.data(), label.value.size());
  }
  out.shrink_to_fit();
  return out;
}

model::Labels DecodeLabels(std::string_view encoded) {
  model::LabelsBuilder labels;
  ForEachLabel(encoded,
               [&](std::string_view name, std::string_view value) { labels.Set(name, value); });
  return labels.Build();
}

std::string_view MetricNameOf(std::string_view encoded) {
  std::string_view metric;
  ForEachLabel(encoded, [&](std::string_view name, std::string_view value) {
    if (name == model::kMetricName) metric = value;
  });
  return metric;
}

std::string EncodeWrite(WriteVersion version, const OutgoingItem* items, size_t count) {
  Order order(count);
  for (size_t i = 0; i < count; ++i) order[i] = &items[i];
  auto before = [](const OutgoingItem* a, const OutgoingItem* b) {
    return std::pair(a->series->ref, a->series.get()) < std::pair(b->series->ref, b->series.get());
  };
  // Those of one scrape are in order.
  if (!std::is_sorted(order.begin(), order.end(), before))
    std::stable_sort(order.begin(), order.end(), before);
  std::string out;
  ProtoWriter request(out);
  if (version == WriteVersion::kV1) {
    TextLabels labels(&out);
    WriteEntries(order, kFieldsV1, labels, &request);
  } else {
    SymbolLabels labels;
    WriteEntries(order, kFieldsV2, labels, &request);
    labels.WriteSymbols(&request);
  }
  return out;
}

std::string EncodeMetadataV1(const FamilyMetadata* families, size_t count) {
  std::string out;
  ProtoWriter request(out);
  for (size_t i = 0; i < count; ++i) {
    ProtoWriter message(request, 3);
    message.add_enum(1, static_cast<int32_t>(families[i].metadata.type));
    message.add_string(2, families[i].family);
    message.add_string(4, families[i].metadata.help);
    message.add_string(5, families[i].metadata.unit);
  }
  return out;
}

}  // namespace slurmscope::remote
