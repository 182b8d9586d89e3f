#include "base/program_pages.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace slurmscope::base {
namespace {

// Resident pages of files, in KiB.
long FilePages() {
  std::ifstream status("/proc/self/status");
  std::string key;
  long value = 0;
  while (status >> key) {
    if (key == "RssFile:" && status >> value) return value;
  }
  return -1;
}

TEST(ProgramPages, AreFewerAfterwardsAndComeBack) {
  long before = FilePages();
  ASSERT_GT(before, 0);
  GiveBackProgramPages();
  EXPECT_LT(FilePages(), before / 2);
  // The program goes on, and gives back what it used since.
  for (int i = 0; i < 10; ++i) GiveBackProgramPages();
  EXPECT_EQ(std::to_string(12.5), "12.500000");
}

}  // namespace
}  // namespace slurmscope::base
