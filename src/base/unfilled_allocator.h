#pragma once

#include <memory>
#include <new>
#include <utility>

namespace slurmscope::base {

// For vectors of numbers that are written right after they are resized: resize(n) leaves what it
// adds as it is in memory instead of setting it to zero.
template <typename T>
struct UnfilledAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {  // NOLINT(readability-identifier-naming): the standard's name
    using other = UnfilledAllocator<U>;
  };
  template <typename U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

}  // namespace slurmscope::base
