#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <span>

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

constexpr std::string_view kStates[] = {"active", "activating", "deactivating", "inactive",
                                        "failed"};
constexpr double kMicro = 1e6;

struct Unit {
  std::string name;
  std::string path;
  std::string active_state;
  bool loaded = false;
  bool wanted = false;      // by the flags
  bool knows_type = false;  // `type` was asked for in this state
  std::string type;

  bool Is(std::string_view kind) const { return name.ends_with(kind); }
};

// The list of units, kept from scrape to scrape: units come in the same order as long as none comes
// or goes.
class UnitList {
 public:
  UnitList(Pattern include, Pattern exclude)
      : include_(std::move(include)), exclude_(std::move(exclude)) {}

  // ListUnits: a(ssssssouso)
  Result<void> Read(const DBusMessage& answer) {
    DBusReader reader(answer.body);
    const size_t end = reader.ArrayEnd(8);
    size_t n = 0;
    for (; !reader.AtEnd(end); ++n) {
      reader.Align(8);
      if (n == units_.size()) units_.emplace_back();
      ReadUnit(reader, units_[n]);
    }
    units_.resize(n);
    if (!reader.ok()) return Fail(ErrorCode::kCorruption, "systemd: malformed list of units");
    return {};
  }

  std::vector<Unit>& units() { return units_; }

 private:
  void ReadUnit(DBusReader& reader, Unit& unit) {
    const std::string_view name = reader.String();
    reader.String();  // description
    unit.loaded = reader.String() == "loaded";
    const std::string_view active = reader.String();
    reader.String();  // sub state
    reader.String();  // unit followed
    const std::string_view path = reader.String();
    reader.Uint32();  // its job, if any: number, type, path
    reader.String();
    reader.String();
    if (unit.name != name) {
      unit.name = name;
      unit.wanted = include_.FoundIn(name) && !exclude_.FoundIn(name);
      unit.knows_type = false;
    }
    if (unit.active_state != active) unit.knows_type = false;
    unit.active_state = active;
    unit.path = path;
  }

  Pattern include_;
  Pattern exclude_;
  std::vector<Unit> units_;
};

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
      : options_(options),
        state_(out.Get("node_systemd_unit_state", "Systemd unit", MetricType::kGauge,
                       {"name", "state", "type"})),
        summary_(out.Get("node_systemd_units", "Summary of systemd unit states", MetricType::kGauge,
                         {"state"})),
        running_(out.Get("node_systemd_system_running",
                         "Whether the system is operational (see 'systemctl is-system-running')",
                         MetricType::kGauge)),
        version_(out.Get("node_systemd_version", "Detected systemd version", MetricType::kGauge,
                         {"version"})),
        virtualization_(out.Get("node_systemd_virtualization_info",
                                "Detected virtualization technology", MetricType::kGauge,
                                {"virtualization_type"})),
        units_(std::move(include), std::move(exclude)),
        bus_(options.private_socket ? "" : SystemBusAddress(), "unix:path=/run/systemd/private",
             kDBusPatience) {
    AddProperties(out);
    for (const std::string_view state : kStates) counts_.emplace(state, 0);
  }

  Result<void> Update() override {
    return bus_.Talk([&](DBusConnection& connection) { return Read(connection); });
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
    if (options_.restarts) {
      properties_.push_back(
          {".service", "Service", "NRestarts",
           family("service_restart_total", "Service unit count of Restart triggers", kCounter)});
    }
    if (options_.tasks) {
      properties_.push_back(
          {".service", "Service", "TasksCurrent",
           family("unit_tasks_current", "Current number of tasks per Systemd unit", kGauge)});
      properties_.push_back(
          {".service", "Service", "TasksMax",
           family("unit_tasks_max", "Maximum number of tasks per Systemd unit", kGauge)});
    }
    if (options_.start_time) {
      properties_.push_back({"", "Unit", "ActiveEnterTimestamp",
                             family("unit_start_time_seconds",
                                    "Start time of the unit since unix epoch in seconds.", kGauge),
                             kMicro, true});
    }
  }

  Result<void> Read(DBusConnection& bus) {
    TRY(ReadManager(bus));
    const DBusMessage list = TRY_CONTEXT(
        bus.Invoke({kService, kManagerPath, kManager, "ListUnits"}), "couldn't get units");
    TRY(units_.Read(list));
    Summarize();
    return ReadUnits(bus);
  }

  Result<void> ReadManager(DBusConnection& bus) {
    constexpr std::string_view kAsked[] = {"Version", "Virtualization", "SystemState"};
    DBusConnection::Call calls[std::size(kAsked)];
    for (size_t i = 0; i < std::size(kAsked); ++i)
      calls[i] = {kService, kManagerPath, kProperties, "Get", {kManager, kAsked[i]}};
    return bus.InvokeAll(calls, [&](size_t i, const DBusMessage& answer) {
      DBusReader reader(answer.body);
      const auto value = answer.signature == "v" ? ReadVariant(reader) : std::nullopt;
      const std::string_view text = value ? value->text : "";
      if (i == 0) {
        const double number = VersionNumber(text);
        version_.Set({number > 0 ? text : ""}, number);
      } else if (i == 1) {
        virtualization_.Set({!value ? "unknown" : text.empty() ? "none" : text}, 1);
      } else if (value) {
        running_.Set(text == "running" ? 1 : 0);
      }
    });
  }

  void Summarize() {
    for (auto& [state, count] : counts_) count = 0;
    for (const Unit& unit : units_.units()) ++counts_[unit.active_state];
    for (const auto& [state, count] : counts_) {
      const auto at = std::find(std::begin(kStates), std::end(kStates), state);
      if (at != std::end(kStates) || count > 0) summary_.Set({state}, count);
    }
  }

  // All questions about units at once. The type of a unit is asked for anew when its state changed,
  // and now and then: it is in a file that can be edited.
  Result<void> ReadUnits(DBusConnection& bus) {
    constexpr unsigned kUpdatesBetweenTypes = 64;
    const bool all_types = ++updates_ % kUpdatesBetweenTypes == 0;
    questions_.clear();
    calls_.clear();
    for (Unit& unit : units_.units()) {
      if (!unit.loaded || !unit.wanted) continue;
      if (all_types) unit.knows_type = false;
      for (const UnitProperty& property : properties_) Ask(unit, property);
    }
    TRY(bus.InvokeAll(calls_, [&](size_t i, const DBusMessage& answer) {
      DBusReader reader(answer.body);
      // Older systemd lacks some of them.
      const auto value = answer.signature == "v" ? ReadVariant(reader) : std::nullopt;
      Take(*questions_[i].unit, *questions_[i].property, value);
    }));
    for (const Unit& unit : units_.units()) {
      if (!unit.loaded || !unit.wanted) continue;
      const std::string_view type = unit.knows_type ? std::string_view(unit.type) : "";
      for (const std::string_view state : kStates)
        state_.Set({unit.name, state, type}, state == unit.active_state ? 1 : 0);
    }
    return {};
  }

  void Ask(Unit& unit, const UnitProperty& property) {
    if (!unit.Is(property.kind)) return;
    if (property.family == nullptr && unit.knows_type) return;
    if (property.active_only && unit.active_state != "active") {
      property.family->Set({unit.name}, 0);
      return;
    }
    questions_.push_back({&unit, &property});
    calls_.push_back(
        {kService, unit.path, kProperties, "Get", {Interface(property), property.property}});
  }

  static void Take(Unit& unit, const UnitProperty& property,
                   const std::optional<DBusValue>& value) {
    if (!value) return;
    if (property.family == nullptr) {
      unit.type = value->text;
      unit.knows_type = true;
    } else if (value->number && *value->number != UINT64_MAX) {  // all ones: no limit, unknown
      property.family->Set({unit.name}, static_cast<double>(*value->number) / property.divisor);
    }
  }

  std::string_view Interface(const UnitProperty& property) {
    std::string& name = interfaces_[property.interface];
    if (name.empty()) name = base::StrCat(kService, ".", property.interface);
    return name;
  }

  struct Question {
    Unit* unit;
    const UnitProperty* property;
  };

  const SystemdOptions options_;
  Family& state_;
  Family& summary_;
  Family& running_;
  Family& version_;
  Family& virtualization_;
  std::vector<UnitProperty> properties_;
  std::map<std::string_view, std::string> interfaces_;
  UnitList units_;
  std::map<std::string, int> counts_;
  unsigned updates_ = 0;
  // Kept for their memory.
  std::vector<Question> questions_;
  std::vector<DBusConnection::Call> calls_;
  DBusClient bus_;
};

// A flag that must match the whole name of a unit.
Result<Pattern> WholeName(const FlagValues& flags, std::string_view name, std::string_view old) {
  std::string pattern = flags.String(name);
  if (flags.IsGiven(old) && flags.IsGiven(name)) {
    return Fail(ErrorCode::kInvalidArgument,
                base::StrCat("--", old, " and --", name, " are mutually exclusive"));
  }
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
