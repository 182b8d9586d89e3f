#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/function_ref.h"
#include "base/result.h"

namespace slurmscope::agent {

using base::Result;

// Reads values out of a body in D-Bus' wire format, little-endian, in the order of its signature.
// https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling A value that
// is not there makes it bad: from then on all values are zero or empty. Does not own its bytes.
class DBusReader {
 public:
  explicit DBusReader(std::string_view body) : body_(body) {}

  bool ok() const { return ok_; }
  uint8_t Byte();
  uint32_t Uint32();
  uint64_t Uint64();
  std::string_view String();  // also an object path
  std::string_view Signature();
  void Align(size_t to);
  // Starts an array whose elements are aligned to `alignment`; AtEnd(end) tells when it is over.
  size_t ArrayEnd(size_t alignment);
  bool AtEnd(size_t end) const { return !ok_ || at_ >= end; }
  void SkipTo(size_t end);

 private:
  bool Need(size_t n);

  std::string_view body_;
  size_t at_ = 0;
  bool ok_ = true;
};

// A property, of the types that those asked for have.
struct DBusValue {
  std::string_view text;           // of a string
  std::optional<uint64_t> number;  // of a boolean or an unsigned number
};
// Reads a variant; nullopt for a type other than s, o, b, u, t, q and y.
std::optional<DBusValue> ReadVariant(DBusReader& reader);

// One message, as it comes from the wire: views of the bytes it was read from.
struct DBusMessage {
  uint8_t type = 0;  // 2: an answer, 3: an error
  uint32_t reply_to = 0;
  std::string_view error;  // the error's name
  std::string_view signature;
  std::string_view body;
};
// What the first 16 bytes say about the length of the whole; an error for what is no message in
// little-endian or is longer than 16 MiB.
Result<size_t> DBusMessageSize(std::string_view first16);
Result<DBusMessage> ParseDBusMessage(std::string_view bytes);

// A connection to a message bus, or straight to systemd's private socket, over which methods are
// called. Many calls may be on their way. Every wait ends after `timeout`. Not thread-safe.
class DBusConnection {
 public:
  // `address`: "unix:path=/run/dbus/system_bus_socket" (or abstract=). `hello`: register, as a bus
  // wants it.
  static Result<DBusConnection> Open(const std::string& address, bool hello,
                                     std::chrono::milliseconds timeout);

  struct Call {
    std::string_view destination;
    std::string_view path;
    std::string_view interface;
    std::string_view member;
    std::array<std::string_view, 2> arguments = {};  // strings; empty ones are none
  };
  // The answer is valid until the next call. One that is an error is an error.
  Result<DBusMessage> Invoke(const Call& call);
  // Sends all, then waits for all: `use(index of the call, answer)` in the order in which they
  // come. An answer that is an error has type 3.
  Result<void> InvokeAll(std::span<const Call> calls,
                         base::FunctionRef<void(size_t, const DBusMessage&)> use);

 private:
  DBusConnection(base::File socket, std::chrono::milliseconds timeout)
      : socket_(std::move(socket)), timeout_(timeout) {}
  Result<void> Authenticate();
  Result<void> Write(std::string_view bytes);
  Result<void> ReadMore(size_t want);
  Result<DBusMessage> Next();
  void Append(const Call& call);  // to output_

  base::File socket_;
  std::chrono::milliseconds timeout_;
  // Kept from call to call for their memory.
  std::string input_;
  size_t consumed_ = 0;  // of input_
  std::string message_;  // the one that is being written
  std::string output_;
  uint32_t serial_ = 0;
};

// How long systemd and logind may be silent; beyond the deadline of collectors, as they may answer
// late on a busy machine.
inline constexpr std::chrono::milliseconds kDBusPatience{4000};

// A connection that is opened when it is first needed, kept, and opened anew when it broke.
class DBusClient {
 public:
  // `private_address`: where to ask without a bus when there is none, or only there when
  // `address` is empty.
  DBusClient(std::string address, std::string private_address, std::chrono::milliseconds timeout)
      : address_(std::move(address)),
        private_address_(std::move(private_address)),
        timeout_(timeout) {}

  // Runs `talk`; once more with a new connection when it failed on an old one: a bus that was
  // restarted closes those.
  Result<void> Talk(base::FunctionRef<Result<void>(DBusConnection&)> talk);

 private:
  Result<void> Connect();
  Result<void> TalkOnce(base::FunctionRef<Result<void>(DBusConnection&)> talk);

  const std::string address_;
  const std::string private_address_;
  const std::chrono::milliseconds timeout_;
  std::optional<DBusConnection> connection_;
};

// The address of the system bus: DBUS_SYSTEM_BUS_ADDRESS or the usual socket.
std::string SystemBusAddress();

}  // namespace slurmscope::agent
