#pragma once

#include <cstddef>
#include <string>

namespace slurmscope::base {

enum class FileOp {
  kOpen,
  kRead,
  kWrite,
  kTruncate,
  kSync,  // of files and directories
  kRename,
  kRemove,  // of one file or empty directory
  kMakeDirectory,
  kList,
  kMap,
  kLink,
};

// Stands between base/file.h and the operating system, for tests of what a program does when disks
// fail. Must be thread-safe.
class FileFaults {
 public:
  virtual ~FileFaults() = default;
  // Asked before each operation; `path` is where it happens (the source of a rename or link).
  // Returns the errno that it fails with, 0 to let it happen. For kWrite `*size` is the number of
  // bytes at hand and may be lowered: so many are written, before the error if there is one.
  virtual int Before(FileOp op, const std::string& path, size_t* size) = 0;
};

// All file operations of the process ask `faults` from now on. nullptr, as at the start: none is
// asked, which costs one load for each operation.
void SetFileFaults(FileFaults* faults);

// For operations that base/file.h does not wrap: the errno to fail with, 0 to go on.
int FaultOf(FileOp op, const std::string& path);

}  // namespace slurmscope::base
