#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace slurmscope::tsdb {

// An array that grows and whose elements never move. Growing needs outside locking; an element may
// be used without a lock by whoever learnt its index after it was made. Holds at most kBlocks *
// kBlockSize elements; memory is touched only where elements are.
template <typename T, size_t kBlockSize, size_t kBlocks = 65536>
class StableArray {
 public:
  StableArray() : blocks_(static_cast<T**>(std::calloc(kBlocks, sizeof(T*)))) {
    if (blocks_ == nullptr) throw std::bad_alloc();
  }
  ~StableArray() {
    for (size_t i = 0; i < size_; ++i) (*this)[i].~T();
    for (size_t i = 0; i < kBlocks && blocks_[i] != nullptr; ++i) std::free(blocks_[i]);
    std::free(blocks_);
  }
  StableArray(const StableArray&) = delete;
  StableArray& operator=(const StableArray&) = delete;

  T& operator[](size_t i) { return blocks_[i / kBlockSize][i % kBlockSize]; }
  const T& operator[](size_t i) const { return blocks_[i / kBlockSize][i % kBlockSize]; }
  size_t size() const { return size_; }

  // Adds `n` (<= kBlockSize) default-made elements that lie side by side and gives the index of the
  // first, which is size() or, where the block's rest is too small, the start of the next block.
  // kFull when there is no room.
  static constexpr size_t kFull = ~size_t{0};
  size_t Grow(size_t n) {
    size_t first = size_;
    if (first % kBlockSize + n > kBlockSize) first += kBlockSize - first % kBlockSize;
    if ((first + n) > kBlocks * kBlockSize) return kFull;
    T*& block = blocks_[first / kBlockSize];
    for (; size_ < first; ++size_) new (&(*this)[size_]) T();
    if (block == nullptr) block = static_cast<T*>(std::malloc(sizeof(T) * kBlockSize));
    if (block == nullptr) throw std::bad_alloc();
    for (; size_ < first + n; ++size_) new (&(*this)[size_]) T();
    return first;
  }

 private:
  T** blocks_;
  size_t size_ = 0;
};

}  // namespace slurmscope::tsdb
