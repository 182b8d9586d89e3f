#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::tsdb {

// A small strict reader of JSON for files that are written by programs: it hands out values as
// text. All are kCorruption on what is not JSON, on nesting beyond 32, and on keys that come twice;
// safe on any bytes.

// Calls `member` for each member of the object that is the whole of `json`, with the value's text
// without space around it.
base::Result<void> ForEachMember(
    std::string_view json,
    const std::function<base::Result<void>(const std::string& key, std::string_view value)>&
        member);
base::Result<void> ForEachItem(std::string_view json,
                               const std::function<base::Result<void>(std::string_view)>& item);
// The text of a string value.
base::Result<std::string> JsonString(std::string_view json);

}  // namespace slurmscope::tsdb
