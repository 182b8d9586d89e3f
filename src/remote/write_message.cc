#include "remote/write_message.h"

#include "base/protobuf.h"
#include "base/strings.h"
#include "remote/histogram_message.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::ProtoReader;
using base::StrCat;
using base::View;

// Two bytes of a message can be one of these, which have 16 to 200 bytes each.
size_t ItemsOf(const WriteSeries& series) {
  return series.labels.size() + series.samples.size() + series.histograms.size() +
         series.exemplars.size();
}

tl::unexpected<base::Error> TooMany(size_t limit, std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument, StrCat("over ", limit, " ", what));
}

WriteSample ReadSample(ProtoReader message) {
  WriteSample sample{};
  while (message.next()) {
    if (message.tag() == 1) {
      sample.v = message.get_double();
    } else if (message.tag() == 2) {
      sample.t = message.get_int64();
    } else if (message.tag() == 3) {
      sample.start = message.get_int64();
    } else {
      message.skip();
    }
  }
  return sample;
}

// Version 1.0: labels are texts where they are used.
struct TextLabels {
  static constexpr protozero::pbf_tag_type kSamples = 2;
  static constexpr protozero::pbf_tag_type kExemplars = 3;
  static constexpr protozero::pbf_tag_type kHistograms = 4;
  // Not in a series:
  static constexpr protozero::pbf_tag_type kMetadata = 0;
  static constexpr protozero::pbf_tag_type kCreated = 100;

  Result<void> Read(ProtoReader& field, LabelViews* out) const {
    ProtoReader message = field.get_message();
    std::pair<std::string_view, std::string_view> label;
    while (message.next()) {
      if (message.tag() == 1) {
        label.first = View(message.get_view());
      } else if (message.tag() == 2) {
        label.second = View(message.get_view());
      } else {
        message.skip();
      }
    }
    if (out->size() >= kMaxWriteLabels) return TooMany(kMaxWriteLabels, "labels");
    out->push_back(label);
    return {};
  }
  Result<model::Metadata> ReadMetadata(ProtoReader&) const { return model::Metadata{}; }
};

// Version 2.0: labels are numbers of texts that the request lists, the first of them empty.
struct SymbolLabels {
  static constexpr protozero::pbf_tag_type kSamples = 2;
  static constexpr protozero::pbf_tag_type kExemplars = 4;
  static constexpr protozero::pbf_tag_type kHistograms = 3;
  static constexpr protozero::pbf_tag_type kMetadata = 5;
  static constexpr protozero::pbf_tag_type kCreated = 6;  // of the first drafts of 2.0

  Result<std::string_view> Symbol(uint32_t number) const {
    if (number < symbols.size()) return symbols[number];
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("symbol ", number, " of ", symbols.size(), " symbols"));
  }
  Result<void> Read(ProtoReader& field, LabelViews* out) const {
    auto numbers = field.get_packed_uint32();
    for (auto it = numbers.begin(); it != numbers.end(); ++it) {
      std::string_view name = TRY(Symbol(*it));
      if (++it == numbers.end())
        return Fail(ErrorCode::kInvalidArgument, "an odd number of label references");
      if (out->size() >= kMaxWriteLabels) return TooMany(kMaxWriteLabels, "labels");
      out->emplace_back(name, TRY(Symbol(*it)));
    }
    return {};
  }
  Result<model::Metadata> ReadMetadata(ProtoReader& field) const {
    ProtoReader message = field.get_message();
    model::Metadata metadata;
    while (message.next()) {
      if (message.tag() == 1) {
        int32_t type = message.get_enum();
        if (type >= 0 && type <= static_cast<int32_t>(model::MetricType::kStateset))
          metadata.type = static_cast<model::MetricType>(type);
      } else if (message.tag() == 3) {
        metadata.help = TRY(Symbol(message.get_uint32()));
      } else if (message.tag() == 4) {
        metadata.unit = TRY(Symbol(message.get_uint32()));
      } else {
        message.skip();
      }
    }
    return metadata;
  }

  std::vector<std::string_view> symbols;
};

template <typename LabelReader>
Result<WriteExemplar> ReadExemplar(ProtoReader message, const LabelReader& labels) {
  WriteExemplar exemplar;
  while (message.next()) {
    if (message.tag() == 1) {
      TRY(labels.Read(message, &exemplar.labels));
    } else if (message.tag() == 2) {
      exemplar.value = message.get_double();
    } else if (message.tag() == 3) {
      exemplar.t = message.get_int64();
    } else {
      message.skip();
    }
  }
  return exemplar;
}

template <typename LabelReader>
Result<void> ReadSeries(ProtoReader message, const LabelReader& labels, WriteSeries* series) {
  series->labels.clear();
  series->samples.clear();
  series->histograms.clear();
  series->exemplars.clear();
  series->metadata.reset();
  series->created = 0;
  while (message.next()) {
    if (ItemsOf(*series) > kMaxWriteItems) return TooMany(kMaxWriteItems, "samples of a series");
    switch (message.tag()) {
      case 1:
        TRY(labels.Read(message, &series->labels));
        break;
      case LabelReader::kSamples:
        series->samples.push_back(ReadSample(message.get_message()));
        break;
      case LabelReader::kHistograms:
        series->histograms.push_back(TRY(DecodeHistogram(message.get_message())));
        break;
      case LabelReader::kExemplars:
        series->exemplars.push_back(TRY(ReadExemplar(message.get_message(), labels)));
        break;
      case LabelReader::kMetadata:
        series->metadata = TRY(labels.ReadMetadata(message));
        break;
      case LabelReader::kCreated:
        series->created = message.get_int64();
        break;
      default:
        message.skip();
    }
  }
  return {};
}

template <typename LabelReader>
Result<void> ReadRequest(ProtoReader message, protozero::pbf_tag_type series_tag,
                         const LabelReader& labels, const TakeSeries& take) {
  WriteSeries series;
  while (message.next(series_tag)) {
    TRY(ReadSeries(message.get_message(), labels, &series));
    take(series);
  }
  return {};
}

}  // namespace

Result<void> DecodeWriteV1(std::string_view message, const TakeSeries& take) {
  return base::DecodeProtobuf([&] {
    return ReadRequest(ProtoReader(message.data(), message.size()), 1, TextLabels{}, take);
  });
}

Result<void> DecodeWriteV2(std::string_view message, const TakeSeries& take) {
  return base::DecodeProtobuf([&]() -> Result<void> {
    SymbolLabels labels;
    // The symbols may come behind the series that use them.
    ProtoReader symbols(message.data(), message.size());
    while (symbols.next(4)) {
      labels.symbols.push_back(View(symbols.get_view()));
      if (labels.symbols.size() > kMaxWriteItems) return TooMany(kMaxWriteItems, "symbols");
    }
    return ReadRequest(ProtoReader(message.data(), message.size()), 5, labels, take);
  });
}

}  // namespace slurmscope::remote
