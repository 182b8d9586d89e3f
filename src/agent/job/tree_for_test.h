#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace slurmscope::agent::job {

// A directory that stands for a machine's /sys/fs/cgroup and /proc, gone with the object.
class Tree {
 public:
  Tree() {
    char name[] = "/tmp/job_test.XXXXXX";
    if (::mkdtemp(name) != nullptr) path_ = name;
  }
  ~Tree() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  void Write(const std::string& file, std::string_view text) const {
    const std::filesystem::path path = path_ + "/" + file;
    std::error_code ignored;
    std::filesystem::create_directories(path.parent_path(), ignored);
    std::ofstream(path, std::ios::binary) << text;
  }
  // As cgroups go: the deepest directory first.
  void Remove(const std::string& directory) const {
    std::error_code ignored;
    std::filesystem::remove_all(path_ + "/" + directory, ignored);
  }
  const std::string& path() const { return path_; }
  std::string cgroups() const { return path_ + "/sys/fs/cgroup"; }

 private:
  std::string path_;
};

}  // namespace slurmscope::agent::job
