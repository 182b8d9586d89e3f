#include "agent/gpu/job_map.h"

#include <fcntl.h>

#include <algorithm>

#include "agent/scan.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

constexpr size_t kMaxFiles = 1024;
constexpr size_t kMaxFileBytes = 64 << 10;
constexpr size_t kMaxJobs = 64;
constexpr size_t kMaxJobId = 256;

bool IsJobId(std::string_view line) {
  return !line.empty() && line.size() <= kMaxJobId && base::IsValidUtf8(line) &&
         std::none_of(line.begin(), line.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
}

}  // namespace

bool ParseJobFileName(std::string_view name, unsigned& gpu, int64_t& instance) {
  instance = -1;
  const size_t dot = name.find('.');
  const auto first = base::ParseInt<unsigned>(name.substr(0, dot));
  if (!first) return false;
  gpu = *first;
  if (dot == std::string_view::npos) return true;
  const auto second = base::ParseInt<uint32_t>(name.substr(dot + 1));
  if (!second) return false;
  instance = *second;
  return true;
}

void ParseJobFile(std::string_view text, std::vector<std::string>& out) {
  out.clear();
  for (std::string_view line; NextLine(text, line) && out.size() < kMaxJobs;) {
    line = base::TrimSpace(line);
    if (!IsJobId(line)) continue;
    if (std::find(out.begin(), out.end(), line) != out.end()) continue;
    out.emplace_back(line);
  }
}

void JobDirectory::Update() {
  for (auto& [key, jobs] : jobs_) jobs.clear();
  const auto names = base::ListDirectory(path_);
  if (!names) {
    if (!std::exchange(warned_, true))
      base::LogWarn("the job mapping directory cannot be read", {{"err", names.error()}});
    return;
  }
  warned_ = false;
  size_t files = 0;
  for (const std::string& name : *names) {
    Key key;
    if (!ParseJobFileName(name, key.first, key.second) || ++files > kMaxFiles) continue;
    Read(base::StrCat(path_, "/", name), key);
  }
}

void JobDirectory::Read(const std::string& file, Key key) {
  const auto opened = base::File::Open(file, O_RDONLY | O_NONBLOCK);
  if (!opened) return;  // the job ended between listing and reading
  buffer_.resize(kMaxFileBytes);
  const auto size = opened->ReadAt(buffer_.data(), buffer_.size(), 0);
  if (size) ParseJobFile(std::string_view(buffer_).substr(0, *size), jobs_[key]);
}

const std::vector<std::string>& JobDirectory::JobsOf(const GpuEntity& entity) const {
  static const std::vector<std::string> none;
  const auto at = jobs_.find(
      {entity.identity->index, entity.instance ? int64_t{entity.instance_id} : int64_t{-1}});
  return at == jobs_.end() ? none : at->second;
}

}  // namespace slurmscope::agent::gpu
