#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>

#include "agent/collectors/collectors.h"
#include "agent/collectors/dbus.h"
#include "agent/pattern.h"
#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

// https://www.freedesktop.org/software/systemd/man/org.freedesktop.systemd1.html
constexpr std::string_view kService = "org.freedesktop.systemd1";
constexpr std::string_view kManager = "org.freedesktop.systemd1.Manager";
constexpr std::string_view kManagerPath = "/org/freedesktop/systemd1";
constexpr std::string_view kProperties = "org.freedesktop.DBus.Properties";
constexpr std::chrono::milliseconds kPatience{1500};  // below the deadline of collectors

constexpr std::string_view kStates[] = {"active", "activating", "deactivating", "inactive",
                                        "failed"};
constexpr double kMicro = 1e6;

struct Unit {
  std::string name;
  std::string load_state;
  std::string active_state;
  std::string path;

  bool Is(std::string_view kind) const { return name.ends_with(kind); }
};

// ListUnits: a(ssssssouso)
Result<std::vector<Unit>> ParseUnits(const DBusMessage& answer) {
  std::vector<Unit> units;
  DBusReader reader(answer.body);
  const size_t end = reader.ArrayEnd(8);
  while (!reader.AtEnd(end)) {
    reader.Align(8);
    Unit unit;
    unit.name = reader.String();
    reader.String();  // description
    unit.load_state = reader.String();
    unit.active_state = reader.String();
    reader.String();  // sub state
    reader.String();  // unit followed
    unit.path = reader.String();
    reader.Uint32();  // its job, if any: number, type, path
    reader.String();
    reader.String();
    units.push_back(std::move(unit));
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "systemd: malformed list of units");
  return units;
}

// The first number of at least three digits, with a fraction: "252 (252.38-1)" is 252.
double VersionNumber(std::string_view text) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && digit(text[end])) ++end;
    if (end - i < 3) {
      i = end + 1;
      continue;
    }
    if (end + 1 < text.size() && text[end] == '.' && digit(text[end + 1])) {
      ++end;
      while (end < text.size() && digit(text[end])) ++end;
    }
    return base::ParseFloat(text.substr(i, end - i)).value_or(0);
  }
  return 0;
}

// What is asked of a unit of some kind, and where the answer goes.
struct UnitProperty {
  std::string_view kind;       // suffix of the unit's name; empty: any
  std::string_view interface;  // behind org.freedesktop.systemd1.
  std::string_view property;
  Family* family = nullptr;  // nullptr: the type of the unit
  double divisor = 1;
  bool active_only = false;  // 0 for units that are not active
};

struct SystemdOptions {
  bool restarts = false;
  bool start_time = false;
  bool tasks = false;
  bool private_socket = false;
};

class Systemd final : public Collector {
 public:
  Systemd(Pattern include, Pattern exclude, SystemdOptions options, FamilySet& out)
      : include_(std::move(include)),
        exclude_(std::move(exclude)),
        options_(options),
        state_(out.Get("node_systemd_unit_state", "Systemd unit", MetricType::kGauge,
                       {"name", "state", "type"})),
        units_(out.Get("node_systemd_units", "Summary of systemd unit states", MetricType::kGauge,
                       {"state"})),
        running_(out.Get("node_systemd_system_running",
                         "Whether the system is operational (see 'systemctl is-system-running')",
                         MetricType::kGauge)),
        version_(out.Get("node_systemd_version", "Detected systemd version", MetricType::kGauge,
                         {"version"})),
        virtualization_(out.Get("node_systemd_virtualization_info",
                                "Detected virtualization technology", MetricType::kGauge,
                                {"virtualization_type"})) {
    AddProperties(out);
  }

  Result<void> Update() override {
    const bool kept = connection_.has_value();
    auto done = Read();
    // A bus that was restarted since closes the old connection.
    if (!done && kept) done = Read();
    return done;
  }

 private:
  void AddProperties(FamilySet& out) {
    constexpr auto kCounter = MetricType::kCounter;
    constexpr auto kGauge = MetricType::kGauge;
    const auto family = [&](std::string_view name, std::string_view help, MetricType type) {
      return &out.Get(base::StrCat("node_systemd_", name), help, type, {"name"});
    };
    properties_ = {
        {".service", "Service", "Type"},
        {".mount", "Mount", "Type"},
        {".socket", "Socket", "NAccepted",
         family("socket_accepted_connections_total", "Total number of accepted socket connections",
                kCounter)},
        {".socket", "Socket", "NConnections",
         family("socket_current_connections", "Current number of socket connections", kGauge)},
        {".socket", "Socket", "NRefused",
         family("socket_refused_connections_total", "Total number of refused socket connections",
                kGauge)},
        {".timer", "Timer", "LastTriggerUSec",
         family("timer_last_trigger_seconds", "Seconds since epoch of last trigger.", kGauge),
         kMicro}};
    if (options_.restarts)
      properties_.push_back(
          {".service", "Service", "NRestarts",
           family("service_restart_total", "Service unit count of Restart triggers", kCounter)});
    if (options_.tasks) {
      properties_.push_back(
          {".service", "Service", "TasksCurrent",
           family("unit_tasks_current", "Current number of tasks per Systemd unit", kGauge)});
      properties_.push_back(
          {".service", "Service", "TasksMax",
           family("unit_tasks_max", "Maximum number of tasks per Systemd unit", kGauge)});
    }
    if (options_.start_time)
      properties_.push_back({"", "Unit", "ActiveEnterTimestamp",
                             family("unit_start_time_seconds",
                                    "Start time of the unit since unix epoch in seconds.", kGauge),
                             kMicro, true});
  }

  Result<void> Connect() {
    if (connection_) return {};
    constexpr const char* kPrivate = "unix:path=/run/systemd/private";
    auto bus = options_.private_socket ? DBusConnection::Open(kPrivate, false, kPatience)
                                       : DBusConnection::Open(SystemBusAddress(), true, kPatience);
    // A small machine may run systemd without a bus.
    if (!bus && !options_.private_socket) {
      if (auto direct = DBusConnection::Open(kPrivate, false, kPatience)) bus = std::move(direct);
    }
    connection_ = TRY_CONTEXT(std::move(bus), "couldn't get dbus connection");
    return {};
  }

  Result<void> Read() {
    TRY(Connect());
    auto done = ReadConnected();
    if (!done) connection_.reset();
    return done;
  }

  Result<void> ReadConnected() {
    TRY(ReadManager());
    const DBusMessage list =
        TRY_CONTEXT(connection_->Invoke({kService, kManagerPath, kManager, "ListUnits", {}}),
                    "couldn't get units");
    auto units = TRY(ParseUnits(list));
    Summarize(units);
    std::erase_if(units, [&](const Unit& unit) {
      return unit.load_state != "loaded" || !include_.FoundIn(unit.name) ||
             exclude_.FoundIn(unit.name);
    });
    return ReadUnits(units);
  }

  Result<void> ReadManager() {
    std::vector<DBusConnection::Call> calls;
    for (const std::string_view property : {"Version", "Virtualization", "SystemState"})
      calls.push_back({kService, kManagerPath, kProperties, "Get", {kManager, property}});
    const auto answers = TRY(connection_->InvokeAll(calls));
    const auto text = [&](size_t i) -> std::optional<std::string> {
      DBusReader reader(answers[i].body);
      if (answers[i].signature != "v") return std::nullopt;
      const auto value = ReadVariant(reader);
      return value ? std::optional(value->text) : std::nullopt;
    };
    const auto version = text(0);
    const double number = version ? VersionNumber(*version) : 0;
    version_.Set({number > 0 ? *version : ""}, number);
    const auto virtualization = text(1);
    virtualization_.Set({!virtualization           ? "unknown"
                         : virtualization->empty() ? "none"
                                                   : *virtualization},
                        1);
    if (const auto state = text(2)) running_.Set(*state == "running" ? 1 : 0);
    return {};
  }

  void Summarize(const std::vector<Unit>& units) {
    std::map<std::string_view, int> counts;
    for (const std::string_view state : kStates) counts[state] = 0;
    for (const Unit& unit : units) ++counts[unit.active_state];
    for (const auto& [state, count] : counts) units_.Set({state}, count);
  }

  Result<void> ReadUnits(const std::vector<Unit>& units) {
    struct Question {
      const Unit* unit;
      const UnitProperty* property;
    };
    std::vector<Question> questions;
    std::vector<DBusConnection::Call> calls;
    for (const Unit& unit : units) {
      for (const UnitProperty& property : properties_) {
        if (!unit.Is(property.kind)) continue;
        if (property.active_only && unit.active_state != "active") {
          property.family->Set({unit.name}, 0);
          continue;
        }
        questions.push_back({&unit, &property});
        calls.push_back(
            {kService, unit.path, kProperties, "Get", {Interface(property), property.property}});
      }
    }
    const auto answers = TRY(connection_->InvokeAll(calls));
    std::map<const Unit*, std::string> types;
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].signature != "v") continue;  // older systemd lacks some of them
      DBusReader reader(answers[i].body);
      const auto value = ReadVariant(reader);
      if (!value) continue;
      const auto& [unit, property] = questions[i];
      if (property->family == nullptr) {
        types[unit] = value->text;
      } else if (value->number && *value->number != UINT64_MAX) {  // all ones: no limit, unknown
        property->family->Set({unit->name},
                              static_cast<double>(*value->number) / property->divisor);
      }
    }
    for (const Unit& unit : units) {
      for (const std::string_view state : kStates)
        state_.Set({unit.name, state, types[&unit]}, state == unit.active_state ? 1 : 0);
    }
    return {};
  }

  std::string_view Interface(const UnitProperty& property) {
    std::string& name = interfaces_[property.interface];
    if (name.empty()) name = base::StrCat(kService, ".", property.interface);
    return name;
  }

  Pattern include_;
  Pattern exclude_;
  const SystemdOptions options_;
  Family& state_;
  Family& units_;
  Family& running_;
  Family& version_;
  Family& virtualization_;
  std::vector<UnitProperty> properties_;
  std::map<std::string_view, std::string> interfaces_;
  std::optional<DBusConnection> connection_;
};

// A flag that must match the whole name of a unit.
Result<Pattern> WholeName(const FlagValues& flags, std::string_view name, std::string_view old) {
  std::string pattern = flags.String(name);
  if (flags.IsGiven(old) && flags.IsGiven(name))
    return Fail(ErrorCode::kInvalidArgument,
                base::StrCat("--", old, " and --", name, " are mutually exclusive"));
  if (flags.IsGiven(old)) pattern = flags.String(old);
  return Pattern::Compile(name, base::StrCat("^(?:", pattern, ")$"));
}

}  // namespace

Result<std::unique_ptr<Collector>> MakeSystemd(const Machine&, const FlagValues& flags,
                                               FamilySet& out) {
  auto include =
      TRY(WholeName(flags, "collector.systemd.unit-include", "collector.systemd.unit-whitelist"));
  auto exclude =
      TRY(WholeName(flags, "collector.systemd.unit-exclude", "collector.systemd.unit-blacklist"));
  const SystemdOptions options{flags.Bool("collector.systemd.enable-restarts-metrics"),
                               flags.Bool("collector.systemd.enable-start-time-metrics"),
                               flags.Bool("collector.systemd.enable-task-metrics"),
                               flags.Bool("collector.systemd.private")};
  return std::make_unique<Systemd>(std::move(include), std::move(exclude), options, out);
}

}  // namespace slurmscope::agent
