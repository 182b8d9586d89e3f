#include "discovery/target_files.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/glob.h"
#include "base/log.h"

namespace slurmscope::discovery {
namespace {

constexpr uint64_t kMaxFileBytes = 64 << 20;
constexpr size_t kMaxFiles = 10'000;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::vector<std::string> Glob(const std::string& pattern) {
  bool cut = false;
  std::vector<std::string> names = base::Glob(pattern, kMaxFiles, &cut);
  if (cut) {
    base::LogWarn("too many target files, the rest is left out",
                  {{"files", pattern}, {"limit", kMaxFiles}});
  }
  return names;
}

void TargetFiles::Stat(const std::string& path, Signature* signature) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return;
  *signature = {st.st_dev, st.st_ino, st.st_size, Nanoseconds(st.st_mtim), Nanoseconds(st.st_ctim)};
}

void TargetFiles::Scan(const std::vector<std::string>& globs) {
  matches_.clear();
  std::map<std::string, File> kept;
  for (const std::string& glob : globs) {
    auto [it, fresh] = matches_.emplace(glob, std::vector<std::string>());
    if (!fresh) continue;
    it->second = Glob(glob);
    for (const std::string& path : it->second) {
      auto known = files_.extract(path);
      if (!known.empty()) kept.insert(std::move(known));
      kept.try_emplace(path);
    }
  }
  files_ = std::move(kept);
  for (auto& [path, file] : files_) {
    Signature signature;
    Stat(path, &signature);  // all zero where it fails: logged once, too
    if (signature == file.signature && !file.changed) continue;
    file.signature = signature;
    file.changed = false;
    Read(path, &file);
  }
}

void TargetFiles::Read(const std::string& path, File* file) {
  auto fail = [&](const base::Error& error) {
    ++read_errors_;
    base::LogError("cannot read target file, its last good targets are kept",
                   {{"file", path}, {"error", error}});
  };
  auto text = base::ReadFile(path, kMaxFileBytes);
  if (!text) return fail(text.error());
  auto groups = config::ParseTargetGroups(*text, path);
  if (!groups) return fail(groups.error());
  for (config::TargetGroup& group : *groups) group.labels["__meta_filepath"] = path;
  file->groups = *std::move(groups);
}

void TargetFiles::MarkChanged(const std::string& path) {
  if (auto it = files_.find(path); it != files_.end()) it->second.changed = true;
}

void TargetFiles::MarkAllChanged() {
  for (auto& [path, file] : files_) file.changed = true;
}

void TargetFiles::AppendGroups(const std::string& glob,
                               std::vector<config::TargetGroup>* out) const {
  auto match = matches_.find(glob);
  if (match == matches_.end()) return;
  for (const std::string& path : match->second) {
    const auto& groups = files_.at(path).groups;
    out->insert(out->end(), groups.begin(), groups.end());
  }
}

}  // namespace slurmscope::discovery
