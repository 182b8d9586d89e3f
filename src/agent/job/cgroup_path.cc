#include "agent/job/cgroup_path.h"

#include <algorithm>

#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

constexpr size_t kLongestName = 32;
constexpr size_t kLongestNode = 64;
constexpr size_t kSluidLength = 14;
constexpr std::string_view kScope = "slurmstepd.scope";

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsPlain(std::string_view text, size_t longest) {
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsAlnum(c) || c == '_' || c == '.' || c == '+' || c == '-';
         });
}

// The rest of `name` after `prefix`; empty when it does not start so.
std::string_view After(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string_view();
}

// Sessions and containers come and go there, none of them Slurm's.
bool IsOtherSlice(std::string_view name) { return name == "user.slice" || name == "machine.slice"; }

std::optional<Place> Above(Place place, bool unified, std::string_view name) {
  if (name.ends_with(".slice") && !IsOtherSlice(name)) return place;
  place.level = Level::kTop;
  if (unified) {
    if (!name.ends_with(kScope)) return std::nullopt;
    name.remove_suffix(kScope.size());
    if (name.empty()) return place;
    if (!name.ends_with('_')) return std::nullopt;
    name.remove_suffix(1);
  } else {
    if (name == "slurm") return place;
    name = After(name, "slurm_");
  }
  if (!IsPlain(name, kLongestNode)) return std::nullopt;
  place.name.node = name;
  return place;
}

std::optional<Place> Uid(Place place, std::string_view name) {
  place.level = Level::kUid;
  place.uid = base::ParseInt<uint32_t>(After(name, "uid_"));
  return place.uid ? std::optional(std::move(place)) : std::nullopt;
}

std::optional<Place> Job(Place place, bool unified, std::string_view name) {
  place.level = Level::kJob;
  const std::string_view id = After(name, "job_");
  const bool number = base::ParseInt<uint32_t>(id) && (id.size() == 1 || id[0] != '0');
  if (!number && !(unified && IsSluid(name))) return std::nullopt;
  place.name.job = number ? id : name;
  return place;
}

std::optional<Place> Named(Place place, Level level, std::string_view name) {
  if (!IsPlain(name, kLongestName)) return std::nullopt;
  place.level = level;
  (level == Level::kStep ? place.name.step : place.name.task) = name;
  return place;
}

}  // namespace

bool IsSluid(std::string_view job) {
  return job.size() == kSluidLength && job[0] == 's' &&
         std::all_of(job.begin() + 1, job.end(),
                     [](char c) { return IsAlnum(c) && !(c >= 'a' && c <= 'z'); });
}

std::optional<Place> PlaceOf(const Place& parent, bool unified, std::string_view name) {
  switch (parent.level) {
    case Level::kAbove:
      return Above(parent, unified, name);
    case Level::kTop:
      return unified ? Job(parent, unified, name) : Uid(parent, name);
    case Level::kUid:
      return Job(parent, unified, name);
    case Level::kJob:
      return Named(parent, Level::kStep, After(name, "step_"));
    case Level::kStep:
      if (!unified) return Named(parent, Level::kTask, After(name, "task_"));
      if (name != "user") return std::nullopt;
      return Place{Level::kStepUser, parent.name, parent.uid};
    case Level::kStepUser:
      return Named(parent, Level::kTask, After(name, "task_"));
    case Level::kTask:
      break;
  }
  return std::nullopt;
}

}  // namespace slurmscope::agent::job
