#include "remote/chunk_answer.h"

namespace slurmscope::remote {
namespace {

std::vector<model::Matcher> OwnMatchers(const ReadQuery& query, const ExternalLabels& external) {
  std::vector<model::Matcher> own;
  for (const model::Matcher& matcher : query.matchers) {
    auto label = external.find(matcher.name());
    bool satisfied = label != external.end() && matcher.type() == model::MatchType::kEqual &&
                     matcher.value() == label->second;
    if (!satisfied) own.push_back(matcher);
  }
  return own;
}

}  // namespace

Result<std::unique_ptr<model::SeriesSet>> SelectForRead(model::Queryable& storage,
                                                        const ReadQuery& query,
                                                        const ExternalLabels& external) {
  auto querier = TRY(storage.NewQuerier(query.start, query.end));
  return querier->Select(true, query.hints, OwnMatchers(query, external));
}

model::Labels WithExternal(model::Labels labels, const ExternalLabels& external) {
  if (external.empty()) return labels;
  model::LabelsBuilder builder(labels);
  for (const auto& [name, value] : external) {
    if (!labels.Has(name)) builder.Set(name, value);
  }
  return builder.Build();
}

void ChunkAnswer::AppendFrames(const model::Labels& labels, std::string& out) const {
  for (size_t begin = 0; begin < chunks_.size();) {
    size_t end = begin;
    size_t bytes = 0;
    while (end < chunks_.size() &&
           (end == begin || bytes + chunks_[end].bytes.size() < max_frame_bytes_)) {
      bytes += chunks_[end++].bytes.size();
    }
    AppendChunkFrame(labels, &chunks_[begin], end - begin, static_cast<int64_t>(query_), &out);
    begin = end;
  }
}

Result<bool> ChunkAnswer::Next(std::string& out, size_t enough) {
  while (query_ < request_.queries.size()) {
    const ReadQuery& query = request_.queries[query_];
    if (!set_) set_ = TRY(SelectForRead(storage_, query, external_));
    for (; series_ < set_->size(); ++series_) {
      if (out.size() >= enough) return true;
      chunks_.clear();
      TRY(set_->Chunks(series_, query.hints.start, query.hints.end, &chunks_));
      AppendFrames(WithExternal(set_->LabelsAt(series_), external_), out);
    }
    set_.reset();
    series_ = 0;
    ++query_;
  }
  return false;
}

}  // namespace slurmscope::remote
