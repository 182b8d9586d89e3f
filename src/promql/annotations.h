#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "promql/ast.h"

namespace slurmscope::promql {

// Warnings and infos of one query, each once, with the place in the query text they are about.
// Thread-safe.
class Annotations {
 public:
  // `text` is the query and must outlive this.
  explicit Annotations(std::string_view text) : text_(text) {}

  // "PromQL warning: <message> (line:column)"
  void Warn(std::string_view message, PosRange pos) {
    Add(warnings_, "PromQL warning: ", message, pos);
  }
  // One that is about the storage, as it is.
  void WarnOfStorage(std::string message);
  void Info(std::string_view message, PosRange pos) { Add(infos_, "PromQL info: ", message, pos); }

  std::vector<std::string> Warnings() const;
  std::vector<std::string> Infos() const;

 private:
  void Add(std::set<std::string>& to, std::string_view prefix, std::string_view message,
           PosRange pos);

  std::string_view text_;
  mutable std::mutex mutex_;
  std::set<std::string> warnings_;
  std::set<std::string> infos_;
};

}  // namespace slurmscope::promql
