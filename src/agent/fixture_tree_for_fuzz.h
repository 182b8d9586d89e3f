#pragma once

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace slurmscope::agent {

// A copy of a tree of files of which one at a time can be replaced. Gone with the process.
class FixtureTree {
 public:
  // `more`: files to write beside those of `source`, by path below the tree.
  FixtureTree(const std::string& source, const std::vector<std::string>& more) {
    namespace fs = std::filesystem;
    char name[] = "/tmp/proc_fuzz.XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    path_ = name;
    std::error_code error;
    fs::copy(source, path_, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
    if (error) std::abort();
    for (const auto& entry : fs::recursive_directory_iterator(path_)) {
      if (entry.is_regular_file() && !entry.is_symlink())
        files_.push_back(entry.path().string().substr(path_.size() + 1));
    }
    files_.insert(files_.end(), more.begin(), more.end());
    std::sort(files_.begin(), files_.end());
  }
  ~FixtureTree() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FixtureTree(const FixtureTree&) = delete;
  FixtureTree& operator=(const FixtureTree&) = delete;

  const std::string& path() const { return path_; }
  // All files, sorted, by their path below the tree.
  const std::vector<std::string>& files() const { return files_; }

  // Which files of the tree are opened while `use` runs.
  template <typename Use>
  std::set<std::string> OpenedBy(Use use) const {
    const base::File events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    std::map<int, std::string> watched;  // by the kernel's number: path below the tree
    const auto watch = [&](const std::string& directory) {
      const int wd = ::inotify_add_watch(events.fd(), directory.c_str(), IN_OPEN);
      if (wd >= 0)
        watched[wd] = directory.size() == path_.size() ? std::string()
                                                       : directory.substr(path_.size() + 1) + "/";
    };
    watch(path_);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      if (entry.is_directory() && !entry.is_symlink()) watch(entry.path().string());
    }
    use();
    std::set<std::string> files;
    alignas(inotify_event) char buffer[16 << 10];
    for (ssize_t n; (n = ::read(events.fd(), buffer, sizeof buffer)) > 0;) {
      for (ssize_t at = 0; at < n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        if (event->len > 0 && (event->mask & IN_ISDIR) == 0)
          files.insert(watched[event->wd] + event->name);
        at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
      }
    }
    return files;
  }

  // Runs `use` with `content` in the place of a file.
  template <typename Use>
  void With(const std::string& file, std::string_view content, Use use) const {
    const std::string path = path_ + "/" + file;
    std::error_code ignored;
    const bool had = std::filesystem::exists(path, ignored);
    const std::string before = had ? Load(path) : std::string();
    Put(path, content);
    use();
    if (had) Put(path, before);
    if (!had) std::filesystem::remove(path, ignored);
  }

 private:
  static std::string Load(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void Put(const std::string& path, std::string_view content) {
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    std::ofstream(path, std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
  }

  std::string path_;
  std::vector<std::string> files_;
};

}  // namespace slurmscope::agent
