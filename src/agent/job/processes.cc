#include "agent/job/processes.h"

#include <algorithm>

#include "agent/scan.h"

namespace slurmscope::agent::job {
namespace {

constexpr size_t kMostGpus = 64;
constexpr unsigned kLargestMinor = 253;  // 254 and 255 are nvidia-modeset and nvidiactl
constexpr unsigned kNvidiaMajor = 195;
constexpr size_t kLongestUuid = 80;

template <typename T>
void AddNew(std::vector<T>& to, const T& value) {
  if (to.size() < kMostGpus && std::find(to.begin(), to.end(), value) == to.end()) {
    to.push_back(value);
  }
}

bool IsUuid(std::string_view text) {
  return (text.starts_with("GPU-") || text.starts_with("MIG-")) && text.size() <= kLongestUuid &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool IsStepOfSrun(std::string_view step) {
  return !step.empty() && step[0] >= '0' && step[0] <= '9';
}

}  // namespace

void GpuList::Add(const GpuList& other) {
  for (const unsigned minor : other.minors) AddNew(minors, minor);
  for (const unsigned place : other.places) AddNew(places, place);
  for (const std::string& uuid : other.uuids) AddNew(uuids, uuid);
}

GpuList ParseGpuList(std::string_view text) {
  GpuList list;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = base::TrimSpace(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (IsUuid(item)) {
      AddNew(list.uuids, std::string(item));
      continue;
    }
    const size_t dash = item.find('-');
    const auto first = base::ParseInt<unsigned>(item.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : base::ParseInt<unsigned>(item.substr(dash + 1));
    if (!first || !last || *last > kLargestMinor) continue;
    for (unsigned minor = *first; minor <= *last; ++minor) AddNew(list.minors, minor);
  }
  return list;
}

base::Result<GpuNumbering> GpuNumbering::Parse(std::string_view text) {
  GpuNumbering numbering;
  if (text == "minor") return numbering;
  if (text == "nvml") {
    numbering.by_place = true;
    return numbering;
  }
  numbering.minors = ParseGpuList(text).minors;
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == ',' || c == '-' || c == ' ';
  });
  if (plain && !numbering.minors.empty()) return numbering;
  return base::Fail(
      base::ErrorCode::kInvalidArgument,
      base::StrCat("want minor, nvml or minor numbers like 4-7: ", base::Quote(text)));
}

void GpuNumbering::Apply(GpuList& list) const {
  if (by_place) {
    list.places = std::move(list.minors);
    list.minors.clear();
    return;
  }
  if (minors.empty()) return;
  std::erase_if(list.minors, [&](unsigned number) { return number >= minors.size(); });
  for (unsigned& number : list.minors) number = minors[number];
}

JobEnviron ParseEnviron(std::string_view text) {
  JobEnviron found;
  std::string_view rocr;
  const std::pair<std::string_view, std::string_view*> wanted[] = {
      {"SLURM_JOB_ID=", &found.job},
      {"SLURM_JOB_GPUS=", &found.job_gpus},
      {"SLURM_STEP_GPUS=", &found.step_gpus},
      {"CUDA_VISIBLE_DEVICES=", &found.visible},
      {"ROCR_VISIBLE_DEVICES=", &rocr}};
  while (!text.empty()) {
    const size_t end = text.find('\0');
    const std::string_view entry = text.substr(0, end);
    // An entry that was cut off at the end of the buffer may have lost digits.
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    for (const auto& [name, value] : wanted) {
      if (value->empty() && entry.starts_with(name)) *value = entry.substr(name.size());
    }
  }
  if (found.visible.empty()) found.visible = rocr;
  return found;
}

GpuList GpusOf(const JobEnviron& environ, std::string_view step) {
  GpuList list = ParseGpuList(IsStepOfSrun(step) ? environ.step_gpus : environ.job_gpus);
  if (list.empty()) return list;
  GpuList visible = ParseGpuList(environ.visible);
  if (visible.uuids.empty()) return list;
  list.minors.clear();
  list.uuids = std::move(visible.uuids);
  return list;
}

std::optional<std::vector<unsigned>> ParseDevicesList(std::string_view text) {
  std::vector<unsigned> minors;
  bool any = false;
  for (std::string_view line; NextLine(text, line);) {
    const std::string_view kind = NextField(line);
    const std::string_view device = NextField(line);
    if (kind == "a") return std::nullopt;
    if (kind != "c" && kind != "b") continue;
    any = true;
    const size_t colon = device.find(':');
    if (kind != "c" || colon == std::string_view::npos) continue;
    if (device.substr(0, colon) == "*") return std::nullopt;
    if (base::ParseInt<unsigned>(device.substr(0, colon)) != kNvidiaMajor) continue;
    if (device.substr(colon + 1) == "*") return std::nullopt;
    const auto minor = base::ParseInt<unsigned>(device.substr(colon + 1));
    if (minor && *minor <= kLargestMinor) AddNew(minors, *minor);
  }
  return any ? std::optional(std::move(minors)) : std::nullopt;
}

std::string_view ParseStepdTitle(std::string_view command_line) {
  constexpr std::string_view kTitle = "slurmstepd: [";
  if (!command_line.starts_with(kTitle)) return {};
  command_line.remove_prefix(kTitle.size());
  const std::string_view job = command_line.substr(0, command_line.find_first_of(".]"));
  return base::ParseInt<uint32_t>(job) ? job : std::string_view();
}

std::optional<uint32_t> ParseStatusUid(std::string_view text) {
  for (std::string_view line; NextLine(text, line);) {
    if (NextField(line) == "Uid:") return base::ParseInt<uint32_t>(NextField(line));
  }
  return std::nullopt;
}

void ParsePids(std::string_view text, size_t most, std::vector<int>& out) {
  out.clear();
  for (std::string_view line; out.size() < most && NextLine(text, line);) {
    const auto pid = base::ParseInt<int>(line);
    if (pid && *pid > 0) out.push_back(*pid);
  }
}

}  // namespace slurmscope::agent::job
