#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/family.h"
#include "base/file.h"

namespace slurmscope::agent {

// A small file that holds one value, as sysfs has them by the thousand: stays open and is read with
// pread into a buffer that all files of the thread share. One that is missing is looked for again
// at every 16th read only; one that cannot be read gives nothing. Files of an ordinary file system
// (fixtures) that were replaced are opened anew, those beyond half of the allowed descriptors each
// time. Not thread-safe.
class AttrFile {
 public:
  explicit AttrFile(std::string path) : path_(std::move(path)) {}
  AttrFile(AttrFile&&) noexcept = default;
  AttrFile& operator=(AttrFile&&) noexcept;
  ~AttrFile() { Close(); }

  // Up to 64 KiB, without blanks around it; valid until the next Read of any AttrFile in this
  // thread.
  std::optional<std::string_view> Read();
  // The same, byte for byte: for binary content.
  std::optional<std::string_view> Raw();
  // The content as a label value; empty when there is none. Kept here until the next Text.
  const std::string& Text();
  // A whole number, decimal or 0x hexadecimal, perhaps negative.
  std::optional<double> Number();

  const std::string& path() const { return path_; }

 private:
  bool Open();
  void Close();

  std::string path_;
  base::File file_;
  bool keep_open_ = false;
  bool of_kernel_ = false;
  unsigned skip_ = 0;
  std::unique_ptr<std::string> text_;
};

// While one lives, this thread's AttrFiles look for missing files at each read, which does not
// count among the 16. One may be within another.
class LookAgainScope {
 public:
  LookAgainScope();
  ~LookAgainScope();
  LookAgainScope(const LookAgainScope&) = delete;
  LookAgainScope& operator=(const LookAgainScope&) = delete;

 private:
  const bool outer_;
};

// The number that AttrFile::Number finds in a text. 64 bits all ones in hexadecimal, the kernel's
// "unknown", are none.
std::optional<double> ParseAttrNumber(std::string_view text);

// A file with a number and the metric it becomes.
struct AttrSpec {
  std::string_view file;  // below the device's directory
  std::string_view name;
  std::string_view help;
  MetricType type = MetricType::kGauge;
  double factor = 1;
  double divisor = 1;  // 1000 for milli: exact where a factor of .001 is not
};

// The families of a table, which all have the same labels. Each is made when a device has it: most
// machines have few of the devices that there are tables for.
class AttrFamilies {
 public:
  AttrFamilies(FamilySet& out, std::span<const AttrSpec> table, const LabelNames& labels);

 private:
  friend class AttrFiles;
  Family& Of(size_t row);

  FamilySet& out_;
  std::span<const AttrSpec> table_;
  std::vector<std::string> labels_;
  std::vector<Family*> families_;
};

// The files of one device by the table of `families`, which outlives it.
class AttrFiles {
 public:
  AttrFiles(const std::string& directory, AttrFamilies& families);
  // Sets a sample for each file that can be read. Returns how many.
  size_t Set(std::initializer_list<std::string_view> labels);

 private:
  AttrFamilies& families_;
  std::vector<AttrFile> files_;
};

}  // namespace slurmscope::agent
