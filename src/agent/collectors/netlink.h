#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/function_ref.h"
#include "base/result.h"

namespace slurmscope::agent {

using base::Result;

// A netlink socket that asks the kernel one question at a time, in our network namespace.
// https://docs.kernel.org/userspace-api/netlink/intro.html It stays open from question to question.
// Not thread-safe.
class NetlinkSocket {
 public:
  // Called for each message of the answer with its type and what follows its header.
  using Visit = base::FunctionRef<Result<void>(uint16_t type, std::string_view body)>;

  explicit NetlinkSocket(int protocol) : protocol_(protocol) {}

  // NLM_F_DUMP: the list that `type` names. `payload` follows the header, at most 256 bytes. Gives
  // up after one second without an answer.
  Result<void> Dump(uint16_t type, std::string_view payload, Visit visit);
  // A question with one answer.
  Result<void> Ask(uint16_t type, std::string_view payload, Visit visit);

 private:
  Result<void> Exchange(uint16_t type, uint16_t flags, std::string_view payload, Visit visit);
  Result<void> Open();
  Result<void> Send(uint16_t type, uint16_t flags, std::string_view payload);
  Result<void> Receive(Visit visit);

  const int protocol_;
  base::File socket_;
  uint32_t sequence_ = 0;
  std::unique_ptr<char[]> buffer_;  // not filled with zeros: most of it is never touched
};

// Goes over the messages of one datagram; true when the answer has ended. Messages of another
// `sequence` belong to an answer that was given up. Malformed lengths are an error.
Result<bool> ParseNetlink(std::string_view datagram, uint32_t sequence, NetlinkSocket::Visit visit);

// Calls `use(type, value)` for each attribute (type without the flag bits); an error on a malformed
// length.
Result<void> ForEachAttribute(std::string_view attributes,
                              base::FunctionRef<void(uint16_t, std::string_view)> use);

// Copies the start of `data` into a T; what `data` lacks is zero, as with structs that grew from
// kernel to kernel.
template <typename T>
T CopyPrefix(std::string_view data) {
  T out{};
  std::memcpy(&out, data.data(), data.size() < sizeof(T) ? data.size() : sizeof(T));
  return out;
}

// Copies a struct off the front; false when there is too little.
template <typename T>
bool TakeStruct(std::string_view& data, T* out) {
  if (data.size() < sizeof(T)) return false;
  std::memcpy(out, data.data(), sizeof(T));
  data.remove_prefix(sizeof(T));
  return true;
}

// The bytes of a struct, as a payload.
template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Names of the network interfaces by number. Not thread-safe.
class InterfaceNames {
 public:
  // Valid until the next call; empty for an interface that is gone.
  std::string_view Name(int index);

 private:
  base::File socket_;
  char name_[16] = "";
};

}  // namespace slurmscope::agent
