#include "dcgm_arguments.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

#include "base/strings.h"

namespace slurmscope {
namespace {

using base::Result;
using base::StrCat;

enum class Does : uint8_t {
  kRename,        // our flag of the same meaning
  kMilliseconds,  // the same, a number of milliseconds as a duration
  kSwitch,        // a bool that sets our flag to a value
  kLogFormat,     // text, json
  kEngine,        // host:port of a host engine
  kNothing,       // taken: `text` says why it has no effect
  kRefused,       // `text` says why
};

struct DcgmFlag {
  std::string_view name;
  std::string_view other;  // a second name, or a letter
  const char* variable;
  bool is_bool;
  Does does;
  std::string_view ours;  // with its value for kSwitch
  std::string_view text = {};
  std::string_view idle = {};  // kRefused: the value that asks for nothing
};

constexpr std::string_view kNoPods = "this agent knows Slurm, not Kubernetes";
constexpr std::string_view kNoDcgm = "DCGM is not used";
constexpr std::string_view kNoDumps = "there is nothing to dump";
constexpr std::string_view kOnlyGpus = "only GPUs are read";
constexpr std::string_view kFindsGpus = "GPUs that come and go are always seen";

// In the order of `dcgm-exporter --help`.
constexpr DcgmFlag kFlags[] = {
    {"collectors", "f", "DCGM_EXPORTER_COLLECTORS", false, Does::kRename, "gpu.counters-file"},
    {"address", "a", "DCGM_EXPORTER_LISTEN", false, Does::kRename, "gpu.listen-address"},
    {"collect-interval", "c", "DCGM_EXPORTER_INTERVAL", false, Does::kMilliseconds,
     "gpu.collect-interval"},
    {"kubernetes", "k", "DCGM_EXPORTER_KUBERNETES", true, Does::kRefused, "", kNoPods},
    {"use-old-namespace", "o", "DCGM_EXPORTER_USE_OLD_NAMESPACE", true, Does::kSwitch,
     "gpu.old-namespace"},
    {"cpu-devices", "p", "DCGM_EXPORTER_CPU_DEVICES_STR", false, Does::kNothing, "", kOnlyGpus},
    {"configmap-data", "m", "DCGM_EXPORTER_CONFIGMAP_DATA", false, Does::kRefused, "", kNoPods,
     "none"},
    {"remote-hostengine-info", "r", "DCGM_REMOTE_HOSTENGINE_INFO", false, Does::kEngine, ""},
    {"kubernetes-gpu-id-type", "", "DCGM_EXPORTER_KUBERNETES_GPU_ID_TYPE", false, Does::kRefused,
     "", kNoPods, "uid"},
    {"kubernetes-enable-pod-labels", "", "DCGM_EXPORTER_KUBERNETES_ENABLE_POD_LABELS", true,
     Does::kRefused, "", kNoPods},
    {"kubernetes-enable-pod-uid", "", "DCGM_EXPORTER_KUBERNETES_ENABLE_POD_UID", true,
     Does::kRefused, "", kNoPods},
    {"kubernetes-pod-label-allowlist-regex", "", nullptr, false, Does::kRefused, "", kNoPods},
    {"kubernetes-virtual-gpus", "", "KUBERNETES_VIRTUAL_GPUS", true, Does::kRefused, "", kNoPods},
    {"kubernetes-enable-dra", "", "KUBERNETES_ENABLE_DRA", true, Does::kRefused, "", kNoPods},
    {"pod-resources-kubelet-socket", "", nullptr, false, Does::kRefused, "", kNoPods},
    {"nvidia-resource-names", "", "NVIDIA_RESOURCE_NAMES", false, Does::kRefused, "", kNoPods},
    {"devices", "d", "DCGM_EXPORTER_DEVICES_STR", false, Does::kRename, "gpu.devices"},
    {"switch-devices", "s", "DCGM_EXPORTER_OTHER_DEVICES_STR", false, Does::kNothing, "",
     kOnlyGpus},
    {"no-hostname", "n", "DCGM_EXPORTER_NO_HOSTNAME", true, Does::kSwitch,
     "gpu.hostname-label=none"},
    {"fake-gpus", "", "DCGM_EXPORTER_USE_FAKE_GPUS", true, Does::kNothing, "", kNoDcgm},
    {"web-config-file", "", "DCGM_EXPORTER_WEB_CONFIG_FILE", false, Does::kRename,
     "web.config.file"},
    {"web-systemd-socket", "", "DCGM_EXPORTER_SYSTEMD_SOCKET", true, Does::kSwitch,
     "gpu.systemd-socket"},
    {"xid-count-window-size", "x", "DCGM_EXPORTER_XID_COUNT_WINDOW_SIZE", false,
     Does::kMilliseconds, "gpu.xid-count-window"},
    {"clock-events-count-window-size", "", "DCGM_EXPORTER_CLOCK_EVENTS_COUNT_WINDOW_SIZE", false,
     Does::kMilliseconds, "gpu.clock-events-window"},
    {"replace-blanks-in-model-name", "rbmn", "DCGM_EXPORTER_REPLACE_BLANKS_IN_MODEL_NAME", true,
     Does::kSwitch, "gpu.replace-blanks-in-model-name"},
    {"hpc-job-mapping-dir", "", "DCGM_HPC_JOB_MAPPING_DIR", false, Does::kRename,
     "hpc-job-mapping-dir"},
    {"disable-startup-validate", "", "DISABLE_STARTUP_VALIDATE", true, Does::kNothing, "",
     "the agent starts without a driver, too"},
    {"enable-dcgm-log", "", "DCGM_EXPORTER_ENABLE_DCGM_LOG", true, Does::kNothing, "", kNoDcgm},
    {"dcgm-log-level", "", "DCGM_EXPORTER_DCGM_LOG_LEVEL", false, Does::kNothing, "", kNoDcgm},
    {"debug", "", "DCGM_EXPORTER_DEBUG", true, Does::kSwitch, "log.level=debug"},
    {"log-format", "", "DCGM_EXPORTER_LOG_FORMAT", false, Does::kLogFormat, "log.format"},
    {"enable-gpu-bind-unbind-watch", "", "DCGM_EXPORTER_ENABLE_GPU_BIND_UNBIND_WATCH", true,
     Does::kNothing, "", kFindsGpus},
    {"gpu-bind-unbind-poll-interval", "", "DCGM_EXPORTER_GPU_BIND_UNBIND_POLL_INTERVAL", false,
     Does::kNothing, "", kFindsGpus},
    {"enable-pprof", "", "DCGM_EXPORTER_ENABLE_PPROF", true, Does::kNothing, "",
     "there is no Go runtime to profile"},
    {"dump-enabled", "", "DCGM_EXPORTER_DUMP_ENABLED", true, Does::kNothing, "", kNoDumps},
    {"dump-directory", "", "DCGM_EXPORTER_DUMP_DIRECTORY", false, Does::kNothing, "", kNoDumps},
    {"dump-retention", "", "DCGM_EXPORTER_DUMP_RETENTION", false, Does::kNothing, "", kNoDumps},
    {"dump-compression", "", "DCGM_EXPORTER_DUMP_COMPRESSION", true, Does::kNothing, "", kNoDumps},
};

// Go's spellings.
std::optional<bool> ParseBool(std::string_view text) {
  constexpr std::string_view kTrue[] = {"true", "1", "t", "T", "TRUE", "True"};
  constexpr std::string_view kFalse[] = {"false", "0", "f", "F", "FALSE", "False", ""};
  const auto among = [&](std::span<const std::string_view> list) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  if (among(kTrue)) return true;
  if (among(kFalse)) return false;
  return std::nullopt;
}

bool IsLocalEngine(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host.empty();
}

class Translator {
 public:
  // `what`: the flag or variable as it was written.
  Result<void> Take(const DcgmFlag& flag, std::string_view what, std::string_view value) {
    if (flag.is_bool) {
      const auto on = ParseBool(value);
      if (!on) return Fail(what, StrCat(base::Quote(value), " is neither true nor false"));
      if (!*on) return {};
    }
    switch (flag.does) {
      case Does::kRename:
        Add(flag.ours, value);
        return {};
      case Does::kMilliseconds:
        if (!base::ParseInt<uint32_t>(value)) {
          return Fail(what, StrCat(base::Quote(value), " is not a number of milliseconds"));
        }
        Add(flag.ours, StrCat(value, "ms"));
        return {};
      case Does::kSwitch:
        out_.arguments.push_back(StrCat("--", flag.ours));
        return {};
      case Does::kLogFormat:
        if (value != "text" && value != "json") return Fail(what, "want text or json");
        Add(flag.ours, value == "text" ? "logfmt" : value);
        return {};
      case Does::kEngine:
        if (!IsLocalEngine(value)) return Fail(what, "this agent reads the GPUs of its own node");
        out_.notes.push_back(StrCat(what, ": ", kNoDcgm));
        return {};
      case Does::kNothing:
        out_.notes.push_back(StrCat(what, ": ", flag.text));
        return {};
      case Does::kRefused:
        if (!flag.is_bool && value == flag.idle) return {};
        return Fail(what, flag.text);
    }
    return {};
  }

  void Keep(std::string argument) { out_.arguments.push_back(std::move(argument)); }
  DcgmArguments Done() { return std::move(out_); }

 private:
  static Result<void> Fail(std::string_view what, std::string_view why) {
    return base::Fail(base::ErrorCode::kInvalidArgument, StrCat(what, ": ", why));
  }
  void Add(std::string_view name, std::string_view value) {
    out_.arguments.push_back(StrCat("--", name, "=", value));
  }

  DcgmArguments out_;
};

// Of "-x", "--x", "--x=1": the flag by its name without dashes; nullptr for none of these.
const DcgmFlag* FindFlag(std::string_view argument) {
  if (!argument.starts_with('-')) return nullptr;
  argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
  const std::string_view name = argument.substr(0, argument.find('='));
  const auto at = std::find_if(std::begin(kFlags), std::end(kFlags), [&](const DcgmFlag& flag) {
    return !name.empty() && (flag.name == name || flag.other == name);
  });
  return at == std::end(kFlags) ? nullptr : at;
}

Result<void> TakeArguments(const std::vector<std::string>& arguments, Translator& translator,
                           std::vector<const DcgmFlag*>& given) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const DcgmFlag* flag = FindFlag(argument);
    if (flag == nullptr) {
      translator.Keep(argument);
      continue;
    }
    given.push_back(flag);
    const size_t equals = argument.find('=');
    const std::string what = argument.substr(0, equals);
    std::string value = "true";
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (!flag->is_bool) {
      if (++i == arguments.size()) {
        return base::Fail(base::ErrorCode::kInvalidArgument, StrCat(what, ": wants a value"));
      }
      value = arguments[i];
    }
    TRY(translator.Take(*flag, what, value));
  }
  return {};
}

}  // namespace

Result<DcgmArguments> TranslateDcgmArguments(const std::vector<std::string>& arguments) {
  Translator translator;
  std::vector<const DcgmFlag*> given;
  TRY(TakeArguments(arguments, translator, given));
  return translator.Done();
}

Result<DcgmArguments> TranslateDcgmCommandLine(
    const std::vector<std::string>& arguments,
    const std::function<const char*(const char*)>& getenv, std::string_view default_counters) {
  Translator translator;
  // What dcgm-exporter's page does not have; flags of ours that are given come later and count.
  for (const char* ours : {"--web.listen-address=", "--no-collector.slurm_job"}) {
    translator.Keep(ours);
  }
  std::vector<const DcgmFlag*> given;
  Translator from_arguments;
  TRY(TakeArguments(arguments, from_arguments, given));
  const auto is_given = [&](const DcgmFlag& flag) {
    return std::find(given.begin(), given.end(), &flag) != given.end();
  };
  for (const DcgmFlag& flag : kFlags) {
    if (is_given(flag)) continue;
    const char* value = flag.variable == nullptr ? nullptr : getenv(flag.variable);
    if (value != nullptr && *value != '\0') {
      TRY(translator.Take(flag, StrCat("$", flag.variable), value));
    } else if (flag.ours == "gpu.counters-file" && !default_counters.empty()) {
      TRY(translator.Take(flag, "-f", default_counters));
    }
  }
  DcgmArguments all = translator.Done();
  DcgmArguments rest = from_arguments.Done();
  std::move(rest.arguments.begin(), rest.arguments.end(), std::back_inserter(all.arguments));
  const bool has_address = std::any_of(
      all.arguments.begin(), all.arguments.end(),
      [](const std::string& argument) { return argument.starts_with("--gpu.listen-address"); });
  if (!has_address) all.arguments.emplace_back("--gpu.listen-address=:9400");
  std::move(rest.notes.begin(), rest.notes.end(), std::back_inserter(all.notes));
  return all;
}

}  // namespace slurmscope
