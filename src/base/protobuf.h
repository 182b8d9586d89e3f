#pragma once

#include <exception>
#include <string_view>

#include "base/result.h"
#include "base/strings.h"

namespace slurmscope::base {

// A field has another wire type than its number means. Thrown instead of protozero's assert, which
// would let foreign bytes end the program.
class WireTypeError : public std::exception {
 public:
  const char* what() const noexcept override { return "field of an unexpected wire type"; }
};

}  // namespace slurmscope::base

#define protozero_assert(x)                              \
  do {                                                   \
    if (!(x)) throw ::slurmscope::base::WireTypeError(); \
  } while (false)
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

// Reading and writing protobuf messages by hand, without generated code: this is the only place
// that includes protozero.
namespace slurmscope::base {

using ProtoReader = protozero::pbf_reader;
using ProtoWriter = protozero::pbf_writer;

inline std::string_view View(protozero::data_view data) { return {data.data(), data.size()}; }

// Calls `decode()`, which gives a Result<void> and reads by ProtoReader: what that throws on
// malformed bytes becomes kInvalidArgument.
template <typename Decode>
Result<void> DecodeProtobuf(const Decode& decode) {
  std::string_view problem;
  try {
    return decode();
  } catch (const WireTypeError& e) {
    problem = e.what();
  } catch (const protozero::exception& e) {
    problem = e.what();
  }
  return Fail(ErrorCode::kInvalidArgument, StrCat("malformed protobuf message: ", problem));
}

}  // namespace slurmscope::base
