#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope::config {

using base::Result;

// A value of a YAML or JSON document with the place where it stands. Plain data.
struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMapping };

  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar in quotes or a block scalar: text, whatever it looks like
  int line = 1;         // from 1, as is the column
  int column = 1;
  std::string scalar;
  // The elements of a list; of a mapping keys and values in turn. Keys are scalars and unique.
  std::vector<Node> items;

  // The value of `key` of a mapping; nullptr when it is not there or this is no mapping.
  const Node* Find(std::string_view key) const;
};

// Reads one YAML 1.2 document in UTF-8. Aliases are copied in, `<<` merges mappings; duplicate
// keys, more than one document, values nested deeper than 100 and alias bombs are errors. Errors
// read "file:line:column: problem" and never quote a value. An empty text is a null.
Result<Node> ParseYaml(std::string_view text, const std::string& file);

// The same for one RFC 8259 JSON value. Numbers are kept as written.
Result<Node> ParseJson(std::string_view text, const std::string& file);

// A document as YAML in block style, without comments. Values of keys that hold secrets (password,
// credentials, bearer_token, client_secret, ...) and passwords in URLs are replaced by <secret>.
std::string ToRedactedYaml(const Node& node);

}  // namespace slurmscope::config
