#include <algorithm>
#include <map>
#include <tuple>

#include "agent/collectors/collectors.h"
#include "agent/collectors/dbus.h"

namespace slurmscope::agent {
namespace {

// https://www.freedesktop.org/software/systemd/man/org.freedesktop.login1.html
constexpr std::string_view kService = "org.freedesktop.login1";
constexpr std::string_view kPath = "/org/freedesktop/login1";
constexpr std::string_view kManager = "org.freedesktop.login1.Manager";
constexpr std::string_view kSession = "org.freedesktop.login1.Session";
constexpr std::chrono::milliseconds kPatience{1500};

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
};

// ListSeats: a(so). The empty seat is that of remote sessions.
Result<std::vector<std::string>> ParseSeats(const DBusMessage& answer) {
  std::vector<std::string> seats;
  DBusReader reader(answer.body);
  const size_t end = reader.ArrayEnd(8);
  while (!reader.AtEnd(end)) {
    reader.Align(8);
    seats.emplace_back(reader.String());
    reader.String();
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "logind: malformed list of seats");
  seats.emplace_back();
  return seats;
}

// ListSessions: a(susso)
Result<std::vector<Session>> ParseSessions(const DBusMessage& answer) {
  std::vector<Session> sessions;
  DBusReader reader(answer.body);
  const size_t end = reader.ArrayEnd(8);
  while (!reader.AtEnd(end)) {
    reader.Align(8);
    reader.String();
    reader.Uint32();
    reader.String();
    Session session;
    session.seat = reader.String();
    session.path = reader.String();
    sessions.push_back(std::move(session));
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "logind: malformed list of sessions");
  return sessions;
}

class Logind final : public Collector {
 public:
  explicit Logind(FamilySet& out)
      : sessions_(out.Get("node_logind_sessions", "Number of sessions registered in logind.",
                          MetricType::kGauge, {"class", "remote", "seat", "type"})) {}

  Result<void> Update() override {
    auto bus = TRY_CONTEXT(DBusConnection::Open(SystemBusAddress(), true, kPatience),
                           "unable to connect to dbus");
    const auto ask = [&](std::string_view member) {
      return bus.Invoke({kService, kPath, kManager, member, {}});
    };
    const DBusMessage seat_list = TRY_CONTEXT(ask("ListSeats"), "unable to get seats");
    const DBusMessage session_list = TRY_CONTEXT(ask("ListSessions"), "unable to get sessions");
    const auto seats = TRY(ParseSeats(seat_list));
    const auto sessions = TRY(ParseSessions(session_list));
    TRY(Count(bus, sessions));
    for (const std::string_view remote : {"true", "false"}) {
      for (const std::string_view type : kTypes) {
        for (const std::string_view klass : kClasses) {
          for (const std::string& seat : seats)
            sessions_.Set({klass, remote, seat, type}, counts_[{seat, remote, type, klass}]);
        }
      }
    }
    return {};
  }

 private:
  Result<void> Count(DBusConnection& bus, const std::vector<Session>& sessions) {
    counts_.clear();
    std::vector<DBusConnection::Call> calls;
    for (const Session& session : sessions) {
      for (const std::string_view property : {"Remote", "Type", "Class"})
        calls.push_back({kService,
                         session.path,
                         "org.freedesktop.DBus.Properties",
                         "Get",
                         {kSession, property}});
    }
    const auto answers = TRY(bus.InvokeAll(calls));
    for (size_t i = 0; i < sessions.size(); ++i) {
      std::optional<DBusValue> values[3];
      for (size_t k = 0; k < 3; ++k) {
        DBusReader reader(answers[3 * i + k].body);
        if (answers[3 * i + k].signature == "v") values[k] = ReadVariant(reader);
      }
      // One that ended since it was listed.
      if (!values[0] || !values[1] || !values[2]) continue;
      ++counts_[{sessions[i].seat, values[0]->number.value_or(0) != 0 ? "true" : "false",
                 KnownOrOther(values[1]->text, kTypes), KnownOrOther(values[2]->text, kClasses)}];
    }
    return {};
  }

  Family& sessions_;
  // By seat, remote, type and class.
  std::map<std::tuple<std::string, std::string_view, std::string_view, std::string_view>, int>
      counts_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeLogind(const Machine&, const FlagValues&, FamilySet& out) {
  return std::make_unique<Logind>(out);
}

}  // namespace slurmscope::agent
