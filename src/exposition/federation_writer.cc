#include "exposition/federation_writer.h"

#include <utility>

#include "base/float_text.h"
#include "base/strings.h"
#include "exposition/proto_writer.h"
#include "exposition/text_writer.h"

namespace slurmscope::exposition {
namespace {

using base::StrAppend;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// "a" of "text/plain; a=b".
std::string_view Parameter(std::string_view media, std::string_view name) {
  for (std::string_view part : base::Split(media, ';')) {
    part = base::TrimSpace(part);
    if (part.starts_with(name) && part.substr(name.size()).starts_with('='))
      return part.substr(name.size() + 1);
  }
  return {};
}

bool IsDelimitedProtobuf(std::string_view media, std::string_view type) {
  return type == "application/vnd.google.protobuf" &&
         Parameter(media, "proto") == "io.prometheus.client.MetricFamily" &&
         Parameter(media, "encoding") == "delimited";
}

std::string Underscored(std::string_view name, bool metric) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const std::string c(1, name[i]);
    const std::string probe = i == 0 ? c : "a" + c;
    const bool fits = metric ? model::IsLegacyMetricName(probe) : model::IsLegacyLabelName(probe);
    // A character of several bytes becomes one underscore.
    const bool continues = (static_cast<uint8_t>(name[i]) & 0xC0) == 0x80;
    if (!continues) out += fits ? name[i] : '_';
  }
  return out;
}

// All labels but the name, in their order, then the external ones that are not among them.
Pairs LabelsOf(const model::Labels& labels, const std::map<std::string, std::string>& external) {
  Pairs pairs;
  for (model::Label label : labels) {
    if (label.name != model::kMetricName) pairs.emplace_back(label.name, label.value);
  }
  for (const auto& [name, value] : external) {
    if (!labels.Has(name)) pairs.emplace_back(name, value);
  }
  return pairs;
}

class TextFederation {
 public:
  explicit TextFederation(bool utf8_names) : utf8_names_(utf8_names) {}

  void Family(std::string_view name) {
    quoted_ = utf8_names_ && !model::IsLegacyMetricName(name);
    name_ = quoted_ ? Quoted(name) : Underscored(name, true);
    StrAppend(out_, "# TYPE ", name_, " untyped\n");
  }
  void Sample(const Pairs& labels, const FederatedSample& sample) {
    char separator = '{';
    if (quoted_) {
      StrAppend(out_, separator, name_);
      separator = ',';
    } else {
      out_ += name_;
    }
    for (const auto& [name, value] : labels) {
      const bool quote = utf8_names_ && !model::IsLegacyLabelName(name);
      StrAppend(out_, separator, quote ? Quoted(name) : Underscored(name, false), "=\"");
      AppendEscapedLabelValue(out_, value);
      out_ += '"';
      separator = ',';
    }
    if (separator == ',') out_ += '}';
    out_ += ' ';
    base::AppendFloat(out_, sample.value, base::FloatStyle::kExposition);
    StrAppend(out_, ' ', sample.t, '\n');
  }
  std::string Take() { return std::move(out_); }

 private:
  static std::string Quoted(std::string_view name) {
    std::string out = "\"";
    AppendEscapedLabelValue(out, name);
    return out + '"';
  }

  const bool utf8_names_;
  std::string out_;
  std::string name_;
  bool quoted_ = false;
};

std::string WriteText(const std::vector<FederatedSample>& samples,
                      const std::map<std::string, std::string>& external, bool utf8_names) {
  TextFederation text(utf8_names);
  std::string_view family;
  for (const FederatedSample& sample : samples) {
    if (sample.histogram) continue;  // the text formats have none
    const std::string_view name = sample.labels.Get(model::kMetricName);
    if (name != family) text.Family(name);
    family = name;
    text.Sample(LabelsOf(sample.labels, external), sample);
  }
  return text.Take();
}

std::string WriteProtobuf(const std::vector<FederatedSample>& samples,
                          const std::map<std::string, std::string>& external) {
  ProtoFamilies families;
  for (const FederatedSample& sample : samples) {
    const std::string_view name = sample.labels.Get(model::kMetricName);
    if (sample.histogram && sample.histogram->custom())
      continue;  // protobuf has no bounds for them
    if (sample.histogram) {
      families.AddHistogram(name, LabelsOf(sample.labels, external), *sample.histogram, sample.t);
    } else {
      families.AddUntyped(name, LabelsOf(sample.labels, external), sample.value, sample.t);
    }
  }
  return families.Take();
}

}  // namespace

FederationFormat FederationFormat::Of(std::string_view accept) {
  for (std::string_view media : base::Split(accept, ',')) {
    media = base::TrimSpace(media);
    const std::string_view type = base::TrimSpace(media.substr(0, media.find(';')));
    const std::string_view version = Parameter(media, "version");
    FederationFormat format;
    format.utf8_names = Parameter(media, "escaping") == "allow-utf-8";
    if (IsDelimitedProtobuf(media, type)) {
      format.kind = Kind::kProtobuf;
      return format;
    }
    if (type != "text/plain") continue;
    if (version == "1.0.0" || version == "0.0.4" || version.empty()) {
      format.utf8_names = format.utf8_names && version == "1.0.0";
      return format;
    }
  }
  return {};
}

std::string_view FederationFormat::content_type() const {
  if (kind == Kind::kProtobuf) {
    return "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
           "encoding=delimited";
  }
  if (utf8_names) return "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
  return "text/plain; version=0.0.4; charset=utf-8";
}

std::string WriteFederation(const std::vector<FederatedSample>& samples,
                            const std::map<std::string, std::string>& external_labels,
                            const FederationFormat& format) {
  std::map<std::string, std::string> external = external_labels;
  external.emplace(model::kInstanceLabel, "");
  if (format.kind == FederationFormat::Kind::kProtobuf) return WriteProtobuf(samples, external);
  return WriteText(samples, external, format.utf8_names);
}

}  // namespace slurmscope::exposition
