#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::model {

using base::Result;

// A regular expression as Go's regexp package runs it: found anywhere in a text, `.` does not match
// newlines. Same syntax as Regex. Immutable, thread-safe, linear in the text.
class SearchRegex {
 public:
  // Errors are worded as Go's, with RE2's reason.
  static Result<SearchRegex> Compile(std::string_view pattern);

  bool Found(std::string_view text) const;
  // All matches replaced, with $1, ${name} and $$ expanded. At most `limit` bytes.
  std::string ReplaceAll(std::string_view text, std::string_view replacement, size_t limit) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace slurmscope::model
