#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml.h"

namespace slurmscope::config {

// Collects what is wrong with a file, so that all of it is told at once.
class Report {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}

  void Error(const Node& at, std::string_view path, std::string_view problem);
  void Warn(const Node& at, std::string_view path, std::string_view problem);

  bool ok() const { return errors_.empty(); }
  const std::string& file() const { return file_; }
  // All errors, one a line in the order of the file, as kInvalidArgument. The first 100 are named.
  base::Error TakeError();
  // In the order of the file.
  std::vector<std::string> TakeWarnings();

 private:
  struct Problem {
    int line;
    int column;
    std::string text;
  };
  void Add(std::vector<Problem>* to, const Node& at, std::string_view path,
           std::string_view problem);

  std::string file_;
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

// Takes the keys of one mapping, each by its type; what is absent or null leaves the target as it
// is. Values of a wrong type are reported with their path ("scrape_configs[0].job_name"). Finish()
// reports the keys that nobody took. The node and the report must outlive it.
class MappingReader {
 public:
  // `node` that is no mapping is reported, and then has no keys; a null one is an empty mapping.
  MappingReader(const Node& node, std::string path, Report* report);

  const Node& node() const { return node_; }
  Report& report() const { return *report_; }
  std::string Path(std::string_view key) const;

  // The value of `key`, which is known from now on; nullptr when absent or null.
  const Node* Take(std::string_view key);
  // The value of `key` if it is a mapping (or list) as it should be, otherwise reported and
  // nullptr.
  const Node* TakeMapping(std::string_view key);
  const Node* TakeList(std::string_view key);

  // Each true when the value was there and right.
  bool String(std::string_view key, std::string* out);
  bool Bool(std::string_view key, bool* out);
  bool Unsigned(std::string_view key, uint64_t* out);
  bool DurationMs(std::string_view key, int64_t* out);
  bool Bytes(std::string_view key, uint64_t* out);
  bool StringList(std::string_view key, std::vector<std::string>* out);
  bool StringMap(std::string_view key, std::map<std::string, std::string>* out);

  void Error(std::string_view key, std::string_view problem);
  // For keys that are known and have no effect, or that stop the program; no matter what their
  // value is.
  void WarnIfSet(std::string_view key, std::string_view problem);
  void RefuseIfSet(std::string_view key, std::string_view problem);

  // Reports the keys that were not asked for, with the nearest known one.
  void Finish();

 private:
  const Node* TakeScalar(std::string_view key);
  const Node* Value(std::string_view key) const;

  const Node& node_;
  std::string path_;
  Report* report_;
  std::vector<std::string_view> known_;
};

// The text of a scalar; reported and nullptr when `node` is none.
const std::string* ScalarText(const Node& node, const std::string& path, Report* report);

}  // namespace slurmscope::config
