#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "agent/scraper.h"
#include "base/clock.h"

namespace slurmscope::agent {

inline const std::string kRoot = SLURMSCOPE_ROOM_DIR "/testdata/root";

inline std::shared_ptr<Machine> TestMachine(const std::string& root, const base::Clock& clock) {
  return std::make_shared<Machine>(
      Machine{{root + "/proc", root + "/sys", root + "/rootfs", root + "/udev/data"},
              clock,
              std::make_shared<SharedProcFile>(root + "/proc/stat")});
}

inline FlagValues Defaults() {
  FlagValues flags;
  for (const CollectorSpec& spec : AllCollectors()) {
    for (const FlagSpec& flag : spec.flags) flags.Declare(flag);
  }
  return flags;
}

inline Scraper::Options Quiet() {
  Scraper::Options options;
  options.self_metrics = false;
  return options;
}

inline std::string ScrapeAll(Scraper& scraper) {
  std::string out;
  EXPECT_TRUE(scraper.Scrape({}, Format::kText, out).has_value());
  return out;
}

}  // namespace slurmscope::agent
