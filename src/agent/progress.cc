#include "agent/progress.h"

#include <algorithm>
#include <cstring>

namespace slurmscope::agent {
namespace {

thread_local Progress* t_progress = nullptr;

}  // namespace

void Progress::Set(std::string_view path) {
  const size_t size = std::min(path.size(), words_.size() * sizeof(uint64_t));
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, path.data() + at, std::min(sizeof word, size - at));
    words_[at / sizeof word].store(word, std::memory_order_relaxed);
  }
  size_.store(static_cast<uint32_t>(size), std::memory_order_release);
}

std::string Progress::Get() const {
  std::string path(size_.load(std::memory_order_acquire), '\0');
  for (size_t at = 0; at < path.size(); at += sizeof(uint64_t)) {
    const uint64_t word = words_[at / sizeof(uint64_t)].load(std::memory_order_relaxed);
    std::memcpy(path.data() + at, &word, std::min(sizeof word, path.size() - at));
  }
  return path;
}

void NotePath(std::string_view path) {
  if (t_progress != nullptr) t_progress->Set(path);
}

ProgressScope::ProgressScope(Progress& progress) { t_progress = &progress; }

ProgressScope::~ProgressScope() {
  t_progress->Set({});
  t_progress = nullptr;
}

}  // namespace slurmscope::agent
