#include <algorithm>
#include <optional>
#include <vector>

#include "agent/collectors/collectors.h"
#include "agent/collectors/dbus.h"

namespace slurmscope::agent {
namespace {

// https://www.freedesktop.org/software/systemd/man/org.freedesktop.login1.html
constexpr std::string_view kService = "org.freedesktop.login1";
constexpr std::string_view kPath = "/org/freedesktop/login1";
constexpr std::string_view kManager = "org.freedesktop.login1.Manager";
constexpr std::string_view kSession = "org.freedesktop.login1.Session";

constexpr std::string_view kTypes[] = {"other",   "unspecified", "tty", "x11",
                                       "wayland", "mir",         "web"};
constexpr std::string_view kClasses[] = {"other", "user", "greeter", "lock-screen", "background"};

template <size_t N>
std::string_view KnownOrOther(std::string_view value, const std::string_view (&known)[N]) {
  const auto at = std::find(std::begin(known), std::end(known), value);
  return at == std::end(known) ? "other" : *at;
}

struct Session {
  std::string seat;
  std::string path;
  // As far as it said so before it ended.
  std::optional<bool> remote;
  std::string_view type;   // one of kTypes
  std::string_view klass;  // one of kClasses
};

// ListSeats: a(so). The empty seat is that of remote sessions.
Result<void> ParseSeats(const DBusMessage& answer, std::vector<std::string>& seats) {
  DBusReader reader(answer.body);
  const size_t end = reader.ArrayEnd(8);
  size_t n = 0;
  for (; !reader.AtEnd(end); ++n) {
    reader.Align(8);
    if (n == seats.size()) seats.emplace_back();
    seats[n] = reader.String();
    reader.String();
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "logind: malformed list of seats");
  seats.resize(n + 1);
  seats[n].clear();
  return {};
}

// ListSessions: a(susso)
Result<void> ParseSessions(const DBusMessage& answer, std::vector<Session>& sessions) {
  DBusReader reader(answer.body);
  const size_t end = reader.ArrayEnd(8);
  size_t n = 0;
  for (; !reader.AtEnd(end); ++n) {
    reader.Align(8);
    if (n == sessions.size()) sessions.emplace_back();
    Session& session = sessions[n];
    reader.String();
    reader.Uint32();
    reader.String();
    session.seat = reader.String();
    session.path = reader.String();
    session.remote.reset();
    session.type = {};
    session.klass = {};
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "logind: malformed list of sessions");
  sessions.resize(n);
  return {};
}

class Logind final : public Collector {
 public:
  explicit Logind(FamilySet& out)
      : family_(out.Get("node_logind_sessions", "Number of sessions registered in logind.",
                        MetricType::kGauge, {"class", "remote", "seat", "type"})),
        bus_(SystemBusAddress(), "", kDBusPatience) {}

  Result<void> Update() override {
    return bus_.Talk([&](DBusConnection& bus) { return Read(bus); });
  }

 private:
  Result<void> Read(DBusConnection& bus) {
    const DBusMessage seats =
        TRY_CONTEXT(bus.Invoke({kService, kPath, kManager, "ListSeats"}), "unable to get seats");
    TRY(ParseSeats(seats, seats_));
    const DBusMessage sessions = TRY_CONTEXT(
        bus.Invoke({kService, kPath, kManager, "ListSessions"}), "unable to get sessions");
    TRY(ParseSessions(sessions, sessions_));
    TRY(ReadSessions(bus));
    for (const bool remote : {true, false}) {
      for (const std::string_view type : kTypes) {
        for (const std::string_view klass : kClasses) {
          for (const std::string& seat : seats_) {
            family_.Set({klass, remote ? "true" : "false", seat, type},
                        static_cast<double>(Count(seat, remote, type, klass)));
          }
        }
      }
    }
    return {};
  }

  Result<void> ReadSessions(DBusConnection& bus) {
    constexpr std::string_view kAsked[] = {"Remote", "Type", "Class"};
    calls_.clear();
    for (const Session& session : sessions_) {
      for (const std::string_view property : kAsked) {
        calls_.push_back({kService,
                          session.path,
                          "org.freedesktop.DBus.Properties",
                          "Get",
                          {kSession, property}});
      }
    }
    return bus.InvokeAll(calls_, [&](size_t i, const DBusMessage& answer) {
      Session& session = sessions_[i / std::size(kAsked)];
      DBusReader reader(answer.body);
      const auto value = answer.signature == "v" ? ReadVariant(reader) : std::nullopt;
      if (!value) return;
      const size_t which = i % std::size(kAsked);
      if (which == 0) session.remote = value->number.value_or(0) != 0;
      if (which == 1) session.type = KnownOrOther(value->text, kTypes);
      if (which == 2) session.klass = KnownOrOther(value->text, kClasses);
    });
  }

  long Count(std::string_view seat, bool remote, std::string_view type,
             std::string_view klass) const {
    return std::count_if(sessions_.begin(), sessions_.end(), [&](const Session& session) {
      return session.remote == remote && session.type == type && session.klass == klass &&
             session.seat == seat;
    });
  }

  Family& family_;
  DBusClient bus_;
  // Kept for their memory.
  std::vector<std::string> seats_;
  std::vector<Session> sessions_;
  std::vector<DBusConnection::Call> calls_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeLogind(const Machine&, const FlagValues&, FamilySet& out) {
  return std::make_unique<Logind>(out);
}

}  // namespace slurmscope::agent
