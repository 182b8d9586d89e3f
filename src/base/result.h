#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tl/expected.hpp>

namespace slurmscope::base {

// What kind of failure it is, for callers that act on it (HTTP status, retry or not). The message
// is for people.
enum class ErrorCode {
  kInvalidArgument,  // bad input: flag, query, configuration, request
  kNotFound,
  kAlreadyExists,
  kOutOfRange,         // a limit of the format or of the data, e.g. reading past the end
  kResourceExhausted,  // a configured limit was hit
  kCorruption,         // stored bytes do not check out
  kIo,                 // the operating system said no
  kTimeout,
  kCanceled,
  kUnavailable,  // not now: starting, stopping, overloaded
  kPermissionDenied,
  kInternal,  // our own bug
};

// The name of a code as logs show it, e.g. "not_found".
std::string_view ToString(ErrorCode code);

// An error as a value. Copyable, immutable but for Wrap().
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // Puts "context: " before the message: what was being done when it happened.
  Error Wrap(std::string_view context) &&;

 private:
  ErrorCode code_;
  std::string message_;
};

// Every fallible function returns one of these. Exceptions do not cross a room's edge.
template <typename T>
using Result = tl::expected<T, Error>;

// `return Fail(ErrorCode::kNotFound, "no such series");`
inline tl::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error(code, std::move(message)));
}
inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

// The error of errno `err`: "context: No such file or directory".
tl::unexpected<Error> FailErrno(std::string_view context, int err);

namespace internal {
template <typename T>
T TakeValue(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
}  // namespace internal
}  // namespace slurmscope::base

// The value of a Result, or return its error from the calling function. TRY_CONTEXT adds what was
// being done.
#define TRY(expr)                                                                      \
  __extension__({                                                                      \
    auto try_result_ = (expr);                                                         \
    if (!try_result_) return ::slurmscope::base::Fail(std::move(try_result_).error()); \
    ::slurmscope::base::internal::TakeValue(std::move(try_result_));                   \
  })
#define TRY_CONTEXT(expr, context)                                                   \
  __extension__({                                                                    \
    auto try_result_ = (expr);                                                       \
    if (!try_result_)                                                                \
      return ::slurmscope::base::Fail(std::move(try_result_).error().Wrap(context)); \
    ::slurmscope::base::internal::TakeValue(std::move(try_result_));                 \
  })
