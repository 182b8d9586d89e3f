#include "command_line.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "agent/collector.h"
#include "agent/gpu/specs.h"
#include "agent/job/specs.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"
#include "config_file.h"
#include "dcgm_arguments.h"

namespace slurmscope {
namespace {

using agent::FlagKind;
using agent::FlagSpec;
using base::StrAppend;
using base::StrCat;

constexpr std::string_view kProgram = "slurmscope-agent";

struct Group {
  std::string_view title;
  std::vector<FlagSpec> flags;
};

const std::vector<Group>& GeneralFlags() {
  using enum FlagKind;
  static const std::vector<Group> groups = {
      {"General",
       {{"help", kBool, "false", "Show this text and exit; also -h."},
        {"version", kBool, "false", "Show the version and exit."},
        {"config.file", kString, "",
         "YAML file that sets flags: their names, and a value or a list of values. What the "
         "command "
         "line says wins."},
        {"cpu-affinity", kString, "",
         "CPUs to run on, like 0-3,8; those that systemd or the batch system left us without."},
        {"nice", kInt, "0", "Lower the priority of the whole agent: 1 to 19."},
        {"log.level", kString, "info",
         "Log messages of this weight and above: debug, info, warn, error."},
        {"log.format", kString, "logfmt", "Log as logfmt or json."},
        {"runtime.gomaxprocs", kInt, "1", "Taken for compatibility; has no effect here."}}},
      {"Web",
       {{"web.listen-address", kStrings, ":9100",
         "Address to listen on, host:port or :port; may be given again."},
        {"web.config.file", kString, "",
         "TLS, users and headers of both pages; read again when it changes."},
        {"web.systemd-socket", kBool, "false",
         "Listen on the sockets that systemd hands over instead of web.listen-address."},
        {"web.telemetry-path", kString, "/metrics", "Path of the metrics."},
        {"web.max-requests", kInt, "40",
         "Scrapes served at the same time, others get 503; 0 for no limit."},
        {"web.disable-exporter-metrics", kBool, "false",
         "Leave out the agent's own process_* metrics."}}},
      {"Where the machine's files are",
       {{"path.procfs", kString, "/proc", "Mount point of procfs."},
        {"path.sysfs", kString, "/sys", "Mount point of sysfs."},
        {"path.rootfs", kString, "/",
         "Mount point of the root file system, e.g. /host in a container."},
        {"path.udev.data", kString, "/run/udev/data", "Directory of udev's data on devices."}}},
      {"GPUs", {agent::gpu::GpuFlags().begin(), agent::gpu::GpuFlags().end()}},
      {"Jobs", {agent::job::JobFlags().begin(), agent::job::JobFlags().end()}},
      {"Collectors",
       {{"collector.disable-defaults", kBool, "false",
         "Switch all collectors off but those asked for."}}},
  };
  return groups;
}

// The flag that switches a collector on or off, for each of NodePageCollectors().
const std::vector<FlagSpec>& Switches() {
  static const auto names = [] {
    std::vector<std::string> all;
    for (const auto& collector : NodePageCollectors())
      all.push_back(StrCat("collector.", collector.name));
    return all;
  }();
  static const auto switches = [] {
    std::vector<FlagSpec> all;
    for (const auto& collector : NodePageCollectors()) {
      all.push_back({names[all.size()], FlagKind::kBool, collector.default_on ? "true" : "false",
                     collector.summary});
    }
    return all;
  }();
  return switches;
}

// One flag and what the command line gave for it.
struct Binding {
  FlagSpec spec;
  bool of_absent;  // of a collector that this version lacks
  bool given = false;
  bool on = false;
  std::vector<std::string> values;
};

// Reads arguments as kingpin does. Written by hand: CLI11 compares each flag with all before it,
// which took most of the start with our three hundred.
class Parser {
 public:
  Parser() {
    for (const Group& group : GeneralFlags()) {
      for (const FlagSpec& spec : group.flags) Bind(spec, false);
    }
    auto on_or_off = Switches().begin();
    for (const agent::CollectorSpec& collector : NodePageCollectors()) {
      const bool absent = collector.make == nullptr;
      Bind(*on_or_off++, absent);
      for (const FlagSpec& spec : collector.flags) Bind(spec, absent);
    }
  }

  base::Result<void> Parse(const std::vector<std::string>& arguments) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      std::string_view argument = arguments[i];
      if (argument == "-h") argument = "--help";
      if (!argument.starts_with("--")) return Refuse(argument);
      const size_t equals = std::min(argument.find('='), argument.size());
      std::string_view name = argument.substr(2, equals - 2);
      const bool negated = name.starts_with("no-") && Find(name.substr(3)) != nullptr;
      if (negated) name.remove_prefix(3);
      Binding* const found = Find(name);
      if (found == nullptr) return Refuse(argument);
      Binding& binding = *found;
      std::optional<std::string_view> value;
      if (equals < argument.size()) value = argument.substr(equals + 1);
      if (binding.spec.kind == FlagKind::kBool) {
        TRY(SetBool(binding, negated, value));
        continue;
      }
      if (negated) return Refuse(argument);
      if (!value && i + 1 == arguments.size()) {
        return base::Fail(base::ErrorCode::kInvalidArgument,
                          StrCat("expected a value for --", name));
      }
      if (!value) value = arguments[++i];
      SetValue(binding, *value);
    }
    return {};
  }

  base::Result<agent::FlagValues> Values() const {
    agent::FlagValues values;
    std::vector<FlagSpec> known;
    known.reserve(bindings_.size());
    for (const Binding& binding : bindings_) known.push_back(binding.spec);
    values.Declare(known);
    for (const Binding& binding : bindings_) {
      if (!binding.given) continue;
      if (binding.spec.kind == FlagKind::kBool) {
        values.Add(binding.spec.name, binding.on ? "true" : "false");
      }
      for (const std::string& value : binding.values) values.Add(binding.spec.name, value);
      WarnIfAbsent(binding);
    }
    const std::string file = values.String("config.file");
    if (file.empty()) return values;
    TRY(AddConfigFile(file, known, &values));
    return values;
  }

 private:
  void Bind(const FlagSpec& spec, bool of_absent) {
    bindings_.push_back(Binding{spec, of_absent, false, false, {}});
  }

  // One after another: a command line has few.
  Binding* Find(std::string_view name) {
    const auto at = std::find_if(bindings_.begin(), bindings_.end(),
                                 [&](const Binding& binding) { return binding.spec.name == name; });
    return at == bindings_.end() ? nullptr : &*at;
  }

  static base::Result<void> SetBool(Binding& binding, bool negated,
                                    std::optional<std::string_view> value) {
    if (value && (negated || (*value != "true" && *value != "false"))) {
      return base::Fail(base::ErrorCode::kInvalidArgument,
                        StrCat("--", negated ? "no-" : "", binding.spec.name, " takes no value"));
    }
    binding.given = true;
    binding.on = value ? *value == "true" : !negated;
    return {};
  }

  static void SetValue(Binding& binding, std::string_view value) {
    binding.given = true;
    if (binding.spec.kind != FlagKind::kStrings) binding.values.clear();
    binding.values.emplace_back(value);
  }

  base::Result<void> Refuse(std::string_view argument) const {
    if (!argument.starts_with("-")) {
      return base::Fail(base::ErrorCode::kInvalidArgument, StrCat("unexpected ", argument));
    }
    const std::string flag(argument.substr(0, argument.find('=')));
    std::vector<std::string> known;
    for (const Binding& binding : bindings_) {
      known.push_back(StrCat("--", binding.spec.name));
      if (binding.spec.kind == FlagKind::kBool) known.push_back(StrCat("--no-", binding.spec.name));
    }
    const std::string_view nearest = base::NearestWord(flag, {known.begin(), known.end()});
    return base::Fail(
        base::ErrorCode::kInvalidArgument,
        StrCat("unknown flag ", base::Quote(flag),
               nearest.empty() ? "" : StrCat(", did you mean ", nearest, "?"), " (see --help)"));
  }

  static void WarnIfAbsent(const Binding& binding) {
    const bool asked = binding.spec.kind != FlagKind::kBool || binding.on;
    if (!binding.of_absent || !asked) return;
    const std::string_view name = binding.spec.name;
    base::LogWarn("this collector is not in this version: flag ignored",
                  {{"flag", StrCat("--", name)}});
  }

  std::vector<Binding> bindings_;
};

void AppendFlag(std::string& out, const FlagSpec& spec) {
  const bool is_bool = spec.kind == FlagKind::kBool;
  const bool plain = spec.name == "help" || spec.name == "version";
  StrAppend(out, "  ", is_bool && !plain ? "--[no-]" : "--", spec.name);
  if (!is_bool) StrAppend(out, "=", spec.default_value.empty() ? "\"\"" : spec.default_value);
  StrAppend(out, "\n      ", spec.help,
            is_bool && spec.default_value == "true" ? " On by default." : "", "\n");
}

std::string HelpText() {
  std::string out =
      "usage: slurmscope-agent [<flags>]\n\n"
      "Serves the metrics of this machine to Prometheus or slurmscope, under the names and with "
      "the flags of "
      "node_exporter.\n\n"
      "  slurmscope-agent                                          metrics on "
      "http://localhost:9100/metrics\n"
      "  slurmscope-agent --web.listen-address=127.0.0.1:9100      for this machine only\n"
      "  slurmscope-agent --collector.disable-defaults --collector.cpu --collector.meminfo\n"
      "  slurmscope-agent --path.rootfs=/host --path.procfs=/host/proc --path.sysfs=/host/sys   in "
      "a container\n";
  for (const Group& group : GeneralFlags()) {
    StrAppend(out, "\n", group.title, ":\n");
    for (const FlagSpec& spec : group.flags) AppendFlag(out, spec);
  }
  auto on_or_off = Switches().begin();
  for (const agent::CollectorSpec& collector : NodePageCollectors()) {
    const FlagSpec& flag = *on_or_off++;
    if (collector.make == nullptr) continue;
    AppendFlag(out, flag);
    for (const FlagSpec& spec : collector.flags) {
      if (!spec.hidden) AppendFlag(out, spec);
    }
  }
  out +=
      "\nFlags of dcgm-exporter are taken, too; called by that name, the program serves the page "
      "of the GPUs alone.\nntp, runit and supervisord, which node_exporter gives up, are not here; "
      "their flags give a warning.\n";
  return out;
}

// "@FILE" stands for the arguments in that file, one a line, as kingpin has it.
base::Result<std::vector<std::string>> WithFiles(const std::vector<std::string>& arguments) {
  constexpr uint64_t kLargest = 1 << 20;
  std::vector<std::string> all;
  for (const std::string& argument : arguments) {
    if (!argument.starts_with('@')) {
      all.push_back(argument);
      continue;
    }
    const std::string text = TRY(base::ReadFile(argument.substr(1), kLargest));
    for (const std::string_view line : base::Split(text, '\n')) {
      if (!line.empty() && line[0] != '#') all.emplace_back(line);
    }
  }
  return all;
}

base::Result<std::vector<std::string>> Translated(int argc, char** argv) {
  constexpr std::string_view kCounters = "/etc/dcgm-exporter/default-counters.csv";
  const auto given = TRY(WithFiles({argv + std::min(argc, 1), argv + argc}));
  const std::string_view path = argc > 0 ? argv[0] : "";
  const bool as_dcgm = path.substr(path.rfind('/') + 1) == "dcgm-exporter";
  const bool has_counters = as_dcgm && base::FileExists(std::string(kCounters)).value_or(false);
  DcgmArguments translated =
      TRY(as_dcgm ? TranslateDcgmCommandLine(
                        given, [](const char* name) { return std::getenv(name); },
                        has_counters ? kCounters : "")
                  : TranslateDcgmArguments(given));
  for (const std::string& note : translated.notes) {
    base::LogWarn("dcgm-exporter's flag has no effect here", {{"flag", note}});
  }
  return std::move(translated.arguments);
}

}  // namespace

std::span<const agent::CollectorSpec> NodePageCollectors() {
  static const std::vector<agent::CollectorSpec> collectors = [] {
    std::vector<agent::CollectorSpec> all;
    for (const auto& some : {agent::AllCollectors(), agent::gpu::NodePageGpuCollectors(),
                             agent::job::JobCollectors()}) {
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }();
  return collectors;
}

base::Result<CommandLine> ParseCommandLine(int argc, char** argv) {
  Parser parser;
  const std::vector<std::string> arguments = TRY(Translated(argc, argv));
  TRY(parser.Parse(arguments));
  CommandLine line{TRY(parser.Values()), {}};
  if (line.flags.Bool("help")) line.text = HelpText();
  if (line.flags.Bool("version")) line.text = base::VersionText(kProgram) + "\n";
  return line;
}

}  // namespace slurmscope
