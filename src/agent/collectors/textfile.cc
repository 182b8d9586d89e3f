#include <glob.h>
#include <sys/stat.h>

#include <map>
#include <set>

#include "agent/collectors/collectors.h"
#include "agent/collectors/prom_file.h"
#include "agent/progress.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

constexpr uint64_t kLargestFile = 64u << 20;

// What tells that a file was written anew.
struct Stamp {
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  int64_t size = 0;
  uint64_t inode = 0;
  bool operator==(const Stamp&) const = default;
};

struct File {
  Stamp stamp;
  std::optional<std::vector<PromFamily>> families;  // nullopt: could not be read
  std::string error;
};

// Metrics that others leave in files, DIR/*.prom. A file is parsed when it changed.
class Textfile final : public Collector {
 public:
  Textfile(std::vector<std::string> directories, FamilySet& out)
      : directories_(std::move(directories)), out_(out) {}

  Result<void> Update() override {
    error_ = false;
    bool changed = first_;
    first_ = false;
    std::map<std::string, File> now;
    for (const std::string& pattern : directories_) changed |= List(pattern, now);
    changed |= now.size() != files_.size();
    files_ = std::move(now);
    for (const auto& [path, file] : files_) error_ |= !file.families;
    if (changed) MakeFamilies();
    Set();
    return {};
  }

 private:
  static std::vector<std::string> Directories(const std::string& pattern) {
    NotePath(pattern);
    glob_t found{};
    std::vector<std::string> out;
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (size_t i = 0; i < found.gl_pathc; ++i) out.emplace_back(found.gl_pathv[i]);
    }
    ::globfree(&found);
    if (out.empty()) out.push_back(pattern);
    for (std::string& path : out) {
      while (path.size() > 1 && path.back() == '/') path.pop_back();
    }
    return out;
  }

  // True when something was parsed anew.
  bool List(const std::string& pattern, std::map<std::string, File>& now) {
    bool changed = false;
    for (const std::string& directory : Directories(pattern)) {
      NotePath(directory);
      const auto names = base::ListDirectory(directory);
      if (!names) {
        error_ = true;
        continue;
      }
      for (const std::string& name : *names) {
        if (!name.ends_with(".prom")) continue;
        changed |= Look(base::StrCat(directory, "/", name), now);
      }
    }
    return changed;
  }

  bool Look(const std::string& path, std::map<std::string, File>& now) {
    NotePath(path);
    struct stat status {};
    Stamp stamp;
    const bool found = ::stat(path.c_str(), &status) == 0;
    if (found) {
      stamp = {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size, status.st_ino};
    }
    const auto known = files_.find(path);
    if (known != files_.end() && known->second.stamp == stamp && stamp != Stamp{}) {
      now.emplace(path, std::move(known->second));
      return false;
    }
    File file{stamp, std::nullopt, {}};
    // A FIFO would be waited for.
    const bool is_file = !found || S_ISREG(status.st_mode);
    auto families = is_file ? Parse(path) : Fail(ErrorCode::kInvalidArgument, "not a file");
    if (families) {
      file.families = *std::move(families);
    } else {
      file.error = families.error().message();
    }
    const bool still_bad =
        known != files_.end() && !file.error.empty() && known->second.error == file.error;
    if (!file.error.empty() && !still_bad)
      base::LogError("cannot read metrics of a file", {{"file", path}, {"err", file.error}});
    now.emplace(path, std::move(file));
    return !still_bad;
  }

  static Result<std::vector<PromFamily>> Parse(const std::string& path) {
    NotePath(path);
    const std::string text = TRY(base::ReadFile(path, kLargestFile));
    return ParsePromFile(text);
  }

  // A family with no help of its own tells where it comes from.
  std::string HelpOf(const PromFamily& family) const {
    if (!family.help.empty()) return family.help;
    std::string help = "Metric read from ";
    const char* separator = "";
    for (const auto& [path, file] : files_) {
      if (!file.families) continue;
      for (const PromFamily& other : *file.families) {
        if (other.name != family.name) continue;
        base::StrAppend(help, separator, path);
        separator = ", ";
      }
    }
    return help;
  }

  void MakeFamilies() {
    out_.Clear();
    plan_.clear();
    inconsistent_ = false;
    std::map<std::string, const PromFamily*> first;
    std::set<std::string_view> series;
    for (const auto& [path, file] : files_) {
      if (!file.families) continue;
      for (const PromFamily& family : *file.families) {
        const std::string_view problem =
            Problem(family, *first.emplace(family.name, &family).first->second);
        if (!problem.empty()) {
          base::LogError(problem, {{"file", path}, {"metric", family.name}});
          inconsistent_ = true;
          continue;
        }
        LookForDuplicates(path, family, series);
        plan_.emplace_back(&out_.Get(family.name, HelpOf(family), family.type), &family);
      }
    }
    mtime_ =
        &out_.Get("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.",
                  MetricType::kGauge, {"file"});
    scrape_error_ = &out_.Get("node_textfile_scrape_error",
                              "1 if there was an error opening or reading a file, 0 otherwise",
                              MetricType::kGauge);
  }

  // Why a family is left out; empty when it is not. `first` is the first one of that name.
  std::string_view Problem(const PromFamily& family, const PromFamily& first) const {
    if (family.name.starts_with("node_textfile_"))
      return "a metric has a name of this collector's own, left out";
    if (HelpOf(family) != HelpOf(first) || family.type != first.type)
      return "a metric differs in help or type between files, left out";
    return {};
  }

  // The first value of a series counts; a family drops the others.
  void LookForDuplicates(const std::string& path, const PromFamily& family,
                         std::set<std::string_view>& series) {
    for (const PromFamily::Sample& sample : family.samples) {
      if (series.insert(sample.series).second) continue;
      base::LogError("a series is there a second time, left out",
                     {{"file", path}, {"series", sample.series}});
      inconsistent_ = true;
    }
  }

  void Set() {
    for (const auto& [family, source] : plan_) {
      for (const PromFamily::Sample& sample : source->samples) {
        family->SetSeries(sample.series, sample.value);
      }
    }
    for (const auto& [path, file] : files_) {
      if (!file.families) continue;
      mtime_->Set({path}, static_cast<double>(file.stamp.seconds) +
                              static_cast<double>(file.stamp.nanoseconds) / 1e9);
    }
    scrape_error_->Set(error_ || inconsistent_ ? 1 : 0);
  }

  const std::vector<std::string> directories_;
  FamilySet& out_;
  std::map<std::string, File> files_;
  std::vector<std::pair<Family*, const PromFamily*>> plan_;  // points into files_
  Family* mtime_ = nullptr;
  Family* scrape_error_ = nullptr;
  bool first_ = true;
  bool error_ = false;
  bool inconsistent_ = false;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeTextfile(const Machine&, const FlagValues& flags,
                                                FamilySet& out) {
  return std::make_unique<Textfile>(flags.Strings("collector.textfile.directory"), out);
}

}  // namespace slurmscope::agent
