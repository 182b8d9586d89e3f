#include "tsdb/wal_exemplar_record.h"

#include <bit>

#include "base/bytes.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {
namespace {

using base::ByteReader;
using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr std::string_view kUnit = "UNIT";
constexpr std::string_view kHelp = "HELP";

bool ReadLabels(ByteReader& reader, model::Labels* labels) {
  uint64_t count = reader.Uvarint();
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    std::string_view name = reader.UvarintString();
    pairs.emplace_back(name, reader.UvarintString());
  }
  if (reader.ok()) *labels = model::Labels::FromPairs(pairs);
  return reader.ok();
}

// Later versions may add fields.
bool ReadFields(ByteReader& reader, model::Metadata* metadata) {
  uint64_t count = reader.Uvarint();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    std::string_view name = reader.UvarintString();
    std::string_view value = reader.UvarintString();
    if (name == kUnit) metadata->unit = value;
    if (name == kHelp) metadata->help = value;
  }
  return reader.ok();
}

}  // namespace

void ExemplarsRecord::Add(uint64_t ref, const model::Exemplar& exemplar) {
  if (bytes_.empty()) {
    bytes_ += static_cast<char>(RecordType::kExemplars);
    base::PutU64Be(bytes_, ref);
    base::PutU64Be(bytes_, static_cast<uint64_t>(exemplar.t));
    first_ref_ = ref;
    first_t_ = exemplar.t;
  }
  base::PutVarint(bytes_, static_cast<int64_t>(ref - first_ref_));
  base::PutVarint(bytes_, static_cast<int64_t>(static_cast<uint64_t>(exemplar.t) -
                                               static_cast<uint64_t>(first_t_)));
  base::PutU64Be(bytes_, std::bit_cast<uint64_t>(exemplar.value));
  base::PutUvarint(bytes_, exemplar.labels.size());
  for (model::Label label : exemplar.labels) {
    base::PutUvarintString(bytes_, label.name);
    base::PutUvarintString(bytes_, label.value);
  }
}

void AddMetadata(std::string& record, uint64_t ref, const model::Metadata& metadata) {
  if (record.empty()) record += static_cast<char>(RecordType::kMetadata);
  base::PutUvarint(record, ref);
  record += static_cast<char>(metadata.type);
  base::PutUvarint(record, 2);
  base::PutUvarintString(record, kUnit);
  base::PutUvarintString(record, metadata.unit);
  base::PutUvarintString(record, kHelp);
  base::PutUvarintString(record, metadata.help);
}

Result<void> DecodeExemplars(std::string_view record, std::vector<ExemplarEntry>* out) {
  ByteReader reader(record);
  reader.U8();
  if (reader.empty()) return {};
  uint64_t first_ref = reader.U64Be();
  uint64_t first_t = reader.U64Be();
  while (reader.ok() && !reader.empty()) {
    ExemplarEntry entry;
    entry.ref = first_ref + static_cast<uint64_t>(reader.Varint());
    entry.exemplar.t = static_cast<int64_t>(first_t + static_cast<uint64_t>(reader.Varint()));
    entry.exemplar.value = std::bit_cast<double>(reader.U64Be());
    if (ReadLabels(reader, &entry.exemplar.labels)) out->push_back(std::move(entry));
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "exemplar record does not fit its layout");
  return {};
}

Result<void> DecodeMetadata(std::string_view record, std::vector<MetadataEntry>* out) {
  ByteReader reader(record);
  reader.U8();
  while (reader.ok() && !reader.empty()) {
    MetadataEntry entry;
    entry.ref = reader.Uvarint();
    uint8_t type = reader.U8();
    // A type of a later version.
    bool known = type <= static_cast<uint8_t>(model::MetricType::kStateset);
    if (known) entry.metadata.type = static_cast<model::MetricType>(type);
    if (ReadFields(reader, &entry.metadata)) out->push_back(std::move(entry));
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "metadata record does not fit its layout");
  return {};
}

}  // namespace slurmscope::tsdb
