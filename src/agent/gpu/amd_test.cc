#include "agent/gpu/amd.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;

std::string NewDirectory() {
  char name[] = "/tmp/amd_test.XXXXXX";
  return ::mkdtemp(name);
}

// A card in a sysfs of its own.
class AmdTest : public testing::Test {
 protected:
  AmdTest() {
    Write("vendor", "0x1002\n");
    Write("product_name", "AMD Instinct MI300X\n");
    Write("unique_id", "beef\n");
  }
  void Write(std::string_view file, std::string_view text) const {
    const std::string path = StrCat(root_, "/class/drm/card1/device/", file);
    ASSERT_TRUE(base::MakeDirectories(path.substr(0, path.rfind('/'))));
    ASSERT_TRUE(base::WriteFileAtomic(path, text).has_value());
  }
  std::string Page() {
    families_.Begin();
    updated_ = collector_.Update();
    std::string out;
    merger_.Render({&families_}, out);
    return out;
  }
  static bool Has(const std::string& page, std::string_view text) {
    return page.find(text) != std::string::npos;
  }

  const std::string root_ = NewDirectory();
  FamilySet families_;
  Merger merger_;
  Result<void> updated_;
  AmdCollector collector_{root_, "n1", families_};
};

TEST_F(AmdTest, TableFilesAndErrors) {
  std::string table(1664, '\xFF');
  const uint16_t size = 1664, watts = 750, celsius = 55;
  std::memcpy(table.data(), &size, 2);
  table[2] = 1;
  table[3] = 6;
  std::memcpy(table.data() + 4, &celsius, 2);
  std::memcpy(table.data() + 10, &watts, 2);
  Write("gpu_metrics", table);
  Write("gpu_busy_percent", "42\n");
  Write("mem_info_vram_total", "206141652992\n");
  Write("mem_info_vram_used", "1048576\n");
  Write("current_compute_partition", "SPX\n");
  Write("max_link_speed", "32.0 GT/s PCIe\n");
  Write("ras/umc_err_count", "ue: 1\nce: 3\n");
  Write("ras/pcie_bif_err_count", "ue: 0\nce: 2\n");
  Write("hwmon/hwmon3/power1_input", "751000000\n");
  const std::string page = Page();
  const std::string card =
      "{card_model=\"AMD Instinct MI300X\",card_vendor=\"AMD\",driver_version=\"\","
      "gpu_compute_partition_type=\"spx\",gpu_id=\"0\",hostname=\"n1\",pci_bus_id=\"\","
      "serial_number=\"beef\",vbios_version=\"\"} ";
  for (const std::string_view line :
       {"gpu_package_power@750", "gpu_junction_temperature@55", "gpu_gfx_activity@42",
        "gpu_power_usage@751", "gpu_used_vram@1", "gpu_free_vram@196591", "pcie_max_speed@32",
        "gpu_ecc_correct_umc@3", "gpu_ecc_uncorrect_umc@1", "gpu_ecc_correct_bif@2",
        "gpu_ecc_correct_total@5", "gpu_ecc_uncorrect_total@1"}) {
    const size_t at = line.find('@');
    EXPECT_TRUE(Has(page, StrCat("\n", line.substr(0, at), card, line.substr(at + 1), "\n")))
        << line << "\n"
        << page;
  }
  EXPECT_FALSE(Has(page, "gpu_average_package_power")) << "the table has the power of now";
  EXPECT_FALSE(Has(page, "65535")) << "all ones are no value";
}

TEST_F(AmdTest, GarbageInFiles) {
  Write("gpu_metrics", std::string(100'000, '\x09'));
  Write("gpu_busy_percent", std::string("\0\xFF\n", 3));
  Write("mem_info_vram_total", "");
  Write("max_link_speed", "Unknown\n");
  Write("ras/umc_err_count", "ce: 99999999999999999999999\n");
  Write("ras/..\"x_err_count", "ce: 1\n");
  const std::string page = Page();
  EXPECT_TRUE(updated_.has_value());
  EXPECT_FALSE(Has(page, "gpu_gfx_activity"));
  EXPECT_TRUE(Has(page, "gpu_nodes_total 1\n"));
}

TEST(AmdNone, NoCardIsNoTrouble) {
  FamilySet families;
  AmdCollector collector("/nonexistent", "n1", families);
  const auto updated = collector.Update();
  ASSERT_FALSE(updated.has_value());
  EXPECT_EQ(updated.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace slurmscope::agent::gpu
