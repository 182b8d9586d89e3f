#pragma once

#include <string>
#include <string_view>

#include "http/server.h"

namespace slurmscope::http {

// Percent-decoding by RFC 3986; kPlusIsSpace adds the rule of application/x-www-form-urlencoded.
// The result may hold any byte, NUL included. kInvalidArgument names an escape that is none, e.g.
// "%zz".
enum class PlusSign { kPlusIsPlus, kPlusIsSpace };
Result<std::string> UrlDecode(std::string_view text, PlusSign plus = PlusSign::kPlusIsSpace);

// A request with more pairs than this is refused.
constexpr size_t kMaxFormPairs = 1000;

// Appends the pairs of "a=b&c=d&e" to `pairs` in their order, decoded; duplicates stay, empty
// pieces are left out and a piece without '=' has an empty value. kInvalidArgument on a bad escape,
// kResourceExhausted when `pairs` would grow beyond `max_pairs`.
Result<void> ParseForm(std::string_view text, size_t max_pairs, Pairs& pairs);

}  // namespace slurmscope::http
