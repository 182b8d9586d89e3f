#include "agent/collectors/dbus.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "agent/progress.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxMessage = 16 << 20;
constexpr size_t kHeader = 16;  // fixed part, with the length of the array of fields
// Calls on their way at once: their answers must fit into the socket's buffers while we still send.
constexpr size_t kWindow = 64;

// Header fields.
constexpr uint8_t kPath = 1;
constexpr uint8_t kInterface = 2;
constexpr uint8_t kMember = 3;
constexpr uint8_t kErrorName = 4;
constexpr uint8_t kReplySerial = 5;
constexpr uint8_t kDestination = 6;
constexpr uint8_t kSignature = 8;

void Pad(std::string& out, size_t to) { out.resize((out.size() + to - 1) / to * to); }

void AppendUint32(std::string& out, uint32_t value) {
  Pad(out, 4);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void AppendText(std::string& out, std::string_view text) {
  AppendUint32(out, static_cast<uint32_t>(text.size()));
  out += text;
  out += '\0';
}

void AppendSignature(std::string& out, std::string_view text) {
  out += static_cast<char>(text.size());
  out += text;
  out += '\0';
}

void AppendField(std::string& out, uint8_t code, std::string_view type, std::string_view text) {
  if (text.empty()) return;
  Pad(out, 8);
  out += static_cast<char>(code);
  AppendSignature(out, type);
  if (type == "g") {
    AppendSignature(out, text);
  } else {
    AppendText(out, text);
  }
}

Result<base::File> Connect(std::string_view path, bool abstract, std::chrono::milliseconds limit) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t offset = abstract ? 1 : 0;
  if (path.empty() || path.size() + offset >= sizeof address.sun_path)
    return Fail(ErrorCode::kInvalidArgument, "D-Bus: bad address");
  std::memcpy(address.sun_path + offset, path.data(), path.size());
  base::File socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return base::FailErrno("D-Bus socket", errno);
  const timeval wait{limit.count() / 1000, static_cast<suseconds_t>(limit.count() % 1000 * 1000)};
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + offset + path.size());
  const void* raw = &address;
  if (::connect(socket.fd(), static_cast<const sockaddr*>(raw), length) != 0)
    return base::FailErrno(base::StrCat("D-Bus ", path), errno);
  return socket;
}

}  // namespace

bool DBusReader::Need(size_t n) {
  ok_ = ok_ && n <= body_.size() - at_;
  return ok_;
}

void DBusReader::Align(size_t to) {
  const size_t gap = (to - at_ % to) % to;
  if (Need(gap)) at_ += gap;
}

uint8_t DBusReader::Byte() {
  if (!Need(1)) return 0;
  return static_cast<uint8_t>(body_[at_++]);
}

uint32_t DBusReader::Uint32() {
  Align(4);
  uint32_t value = 0;
  if (!Need(sizeof value)) return 0;
  std::memcpy(&value, body_.data() + at_, sizeof value);
  at_ += sizeof value;
  return value;
}

uint64_t DBusReader::Uint64() {
  Align(8);
  uint64_t value = 0;
  if (!Need(sizeof value)) return 0;
  std::memcpy(&value, body_.data() + at_, sizeof value);
  at_ += sizeof value;
  return value;
}

std::string_view DBusReader::String() {
  const uint64_t length = Uint32();
  if (!Need(length + 1)) return {};
  const std::string_view text = body_.substr(at_, length);
  at_ += length + 1;
  return text;
}

std::string_view DBusReader::Signature() {
  const size_t length = Byte();
  if (!Need(length + 1)) return {};
  const std::string_view text = body_.substr(at_, length);
  at_ += length + 1;
  return text;
}

size_t DBusReader::ArrayEnd(size_t alignment) {
  const uint32_t length = Uint32();
  Align(alignment);
  if (!Need(length)) return at_;
  return at_ + length;
}

void DBusReader::SkipTo(size_t end) {
  if (end >= at_ && Need(end - at_)) at_ = end;
}

std::optional<DBusValue> ReadVariant(DBusReader& reader) {
  const std::string_view type = reader.Signature();
  DBusValue value;
  if (type == "s" || type == "o") {
    value.text = reader.String();
  } else if (type == "b" || type == "u") {
    value.number = reader.Uint32();
  } else if (type == "t") {
    value.number = reader.Uint64();
  } else if (type == "y") {
    value.number = reader.Byte();
  } else if (type == "q") {
    reader.Align(2);
    const uint8_t low = reader.Byte();
    value.number = low | reader.Byte() << 8;
  } else {
    return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  return value;
}

Result<size_t> DBusMessageSize(std::string_view first16) {
  if (first16.size() < kHeader || first16[0] != 'l')
    return Fail(ErrorCode::kCorruption, "D-Bus: not a message in little-endian");
  DBusReader reader(first16);
  reader.SkipTo(4);
  const uint64_t body = reader.Uint32();
  reader.Uint32();
  const uint64_t fields = reader.Uint32();
  if (body > kMaxMessage || fields > kMaxMessage)
    return Fail(ErrorCode::kCorruption, "D-Bus: message too long");
  return (kHeader + fields + 7) / 8 * 8 + body;
}

Result<DBusMessage> ParseDBusMessage(std::string_view bytes) {
  const size_t size = TRY(DBusMessageSize(bytes.substr(0, kHeader)));
  if (size > bytes.size()) return Fail(ErrorCode::kCorruption, "D-Bus: message cut off");
  DBusMessage message;
  DBusReader reader(bytes.substr(0, size));
  reader.Byte();
  message.type = reader.Byte();
  reader.SkipTo(12);
  const size_t end = reader.ArrayEnd(8);
  while (!reader.AtEnd(end)) {
    reader.Align(8);
    const uint8_t code = reader.Byte();
    const std::string_view type = reader.Signature();
    if (type == "u") {
      const uint32_t value = reader.Uint32();
      if (code == kReplySerial) message.reply_to = value;
      continue;
    }
    if (type != "s" && type != "o" && type != "g")
      return Fail(ErrorCode::kCorruption, "D-Bus: a header field of unknown type");
    const std::string_view text = type == "g" ? reader.Signature() : reader.String();
    if (code == kErrorName) message.error = text;
    if (code == kSignature) message.signature = text;
  }
  reader.Align(8);
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "D-Bus: malformed header");
  const size_t start = (end + 7) / 8 * 8;
  message.body = bytes.substr(std::min(start, size), size - std::min(start, size));
  return message;
}

Result<DBusConnection> DBusConnection::Open(const std::string& address, bool hello,
                                            std::chrono::milliseconds timeout) {
  std::string_view rest = address;
  rest = rest.substr(0, rest.find(';'));  // of several addresses, the first
  if (!rest.starts_with("unix:"))
    return Fail(ErrorCode::kInvalidArgument, base::StrCat("D-Bus: cannot use address ", address));
  rest.remove_prefix(5);
  rest = rest.substr(0, rest.find(','));
  const bool abstract = rest.starts_with("abstract=");
  if (!abstract && !rest.starts_with("path="))
    return Fail(ErrorCode::kInvalidArgument, base::StrCat("D-Bus: cannot use address ", address));
  rest.remove_prefix(rest.find('=') + 1);
  DBusConnection connection(TRY(Connect(rest, abstract, timeout)), timeout);
  TRY(connection.Authenticate());
  if (hello) {
    const Call register_us{
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", {}};
    TRY(connection.Invoke(register_us));
  }
  return connection;
}

Result<void> DBusConnection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::FailErrno("D-Bus write", errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

// Reads until input_ holds `want` bytes that were not consumed.
Result<void> DBusConnection::ReadMore(size_t want) {
  if (input_.size() - consumed_ >= want) return {};
  input_.erase(0, std::exchange(consumed_, 0));
  while (input_.size() < want) {
    const size_t had = input_.size();
    constexpr size_t kChunk = 32 * 1024;
    input_.resize(std::max(want, had + kChunk));
    const ssize_t n = ::recv(socket_.fd(), input_.data() + had, input_.size() - had, 0);
    const int error = errno;
    input_.resize(had + (n > 0 ? static_cast<size_t>(n) : 0));
    if (n < 0 && error == EINTR) continue;
    if (n < 0 && error == EAGAIN) {
      return Fail(ErrorCode::kTimeout,
                  base::StrCat("D-Bus: no answer in ", timeout_.count(), " ms"));
    }
    if (n <= 0) return base::FailErrno("D-Bus read", n == 0 ? ECONNRESET : error);
  }
  return {};
}

// SASL EXTERNAL: the kernel tells the other side who we are; the user's number is sent in
// hexadecimal digits of its decimal digits.
Result<void> DBusConnection::Authenticate() {
  std::string request("\0AUTH EXTERNAL ", 15);
  for (const char digit : base::StrCat(::geteuid())) {
    request += '3';
    request += digit;
  }
  request += "\r\n";
  TRY(Write(request));
  constexpr size_t kMaxLine = 512;
  size_t end = 0;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (input_.size() > kMaxLine) return Fail(ErrorCode::kCorruption, "D-Bus: no answer to AUTH");
    TRY(ReadMore(input_.size() + 1));
  }
  if (!input_.starts_with("OK "))
    return Fail(ErrorCode::kPermissionDenied, "D-Bus: the bus does not let us in");
  consumed_ = end + 2;
  return Write("BEGIN\r\n");
}

void DBusConnection::Append(const Call& call) {
  std::string& out = message_;
  out.assign("l\1\0\1", 4);  // a method call, no flags, version 1
  AppendUint32(out, 0);      // the lengths of body and fields, below
  AppendUint32(out, ++serial_);
  AppendUint32(out, 0);
  AppendField(out, kPath, "o", call.path);
  AppendField(out, kInterface, "s", call.interface);
  AppendField(out, kMember, "s", call.member);
  AppendField(out, kDestination, "s", call.destination);
  constexpr std::string_view kSignatures[] = {"", "s", "ss"};
  const size_t arguments = !call.arguments[0].empty() + !call.arguments[1].empty();
  AppendField(out, kSignature, "g", kSignatures[arguments]);
  const auto fields = static_cast<uint32_t>(out.size() - kHeader);
  Pad(out, 8);
  const size_t body = out.size();
  for (size_t i = 0; i < arguments; ++i) AppendText(out, call.arguments[i]);
  const auto length = static_cast<uint32_t>(out.size() - body);
  std::memcpy(out.data() + 4, &length, sizeof length);
  std::memcpy(out.data() + 12, &fields, sizeof fields);
  output_ += out;
}

Result<DBusMessage> DBusConnection::Next() {
  TRY(ReadMore(kHeader));
  const size_t size = TRY(DBusMessageSize(std::string_view(input_).substr(consumed_, kHeader)));
  TRY(ReadMore(size));
  auto message = ParseDBusMessage(std::string_view(input_).substr(consumed_, size));
  consumed_ += size;
  return message;
}

Result<void> DBusConnection::InvokeAll(std::span<const Call> calls,
                                       base::FunctionRef<void(size_t, const DBusMessage&)> use) {
  const uint32_t first = serial_ + 1;
  size_t sent = 0;
  for (size_t answered = 0; answered < calls.size();) {
    // By half a window at a time: each piece sent wakes the other side.
    if (sent - answered <= kWindow / 2 && sent < calls.size()) {
      output_.clear();
      while (sent < calls.size() && sent - answered < kWindow) Append(calls[sent++]);
      TRY(Write(output_));
    }
    const DBusMessage message = TRY(Next());
    constexpr uint8_t kSignal = 4;
    const uint32_t index = message.reply_to - first;
    // Signals that nobody asked for, and answers to calls given up.
    if (message.type == kSignal || message.reply_to < first || index >= calls.size()) continue;
    ++answered;
    use(index, message);
  }
  return {};
}

Result<DBusMessage> DBusConnection::Invoke(const Call& call) {
  DBusMessage answer;
  TRY(InvokeAll({&call, 1}, [&](size_t, const DBusMessage& message) { answer = message; }));
  constexpr uint8_t kError = 3;
  if (answer.type == kError) {
    DBusReader reader(answer.body);
    const std::string_view why = answer.signature.starts_with("s") ? reader.String() : "";
    return Fail(ErrorCode::kUnavailable,
                base::StrCat("D-Bus: ", call.member, ": ", answer.error, ": ", why));
  }
  return answer;
}

Result<void> DBusClient::Connect() {
  if (connection_) return {};
  const bool direct = address_.empty();
  auto bus = DBusConnection::Open(direct ? private_address_ : address_, !direct, timeout_);
  // A small machine may run systemd without a bus.
  if (!bus && !direct && !private_address_.empty()) {
    if (auto other = DBusConnection::Open(private_address_, false, timeout_))
      bus = std::move(other);
  }
  connection_ = TRY_CONTEXT(std::move(bus), "couldn't get dbus connection");
  return {};
}

Result<void> DBusClient::TalkOnce(base::FunctionRef<Result<void>(DBusConnection&)> talk) {
  NotePath(address_.empty() ? private_address_ : address_);
  TRY(Connect());
  auto done = talk(*connection_);
  if (!done) connection_.reset();
  return done;
}

Result<void> DBusClient::Talk(base::FunctionRef<Result<void>(DBusConnection&)> talk) {
  const bool kept = connection_.has_value();
  auto done = TalkOnce(talk);
  if (!done && kept) done = TalkOnce(talk);
  return done;
}

std::string SystemBusAddress() {
  const char* address = std::getenv("DBUS_SYSTEM_BUS_ADDRESS");
  if (address != nullptr && *address != '\0') return address;
  return "unix:path=/run/dbus/system_bus_socket";
}

}  // namespace slurmscope::agent
