// Collectors that say what machine and system this is: dmi and os.

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

constexpr std::string_view kDmi[] = {
    "bios_date",      "bios_release",   "bios_vendor",     "bios_version",    "board_asset_tag",
    "board_name",     "board_serial",   "board_vendor",    "board_version",   "chassis_asset_tag",
    "chassis_serial", "chassis_vendor", "chassis_version", "product_family",  "product_name",
    "product_serial", "product_sku",    "product_uuid",    "product_version", "system_vendor"};

// Firmware says it once for all at boot.
class Dmi final : public Collector {
 public:
  Dmi(const Machine& machine, FamilySet& out)
      : info_(out.Get(
            "node_dmi_info",
            "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, "
            "bios_version, board_asset_tag, board_name, board_serial, board_vendor, "
            "board_version, chassis_asset_tag, chassis_serial, chassis_vendor, chassis_version, "
            "product_family, product_name, product_serial, product_sku, product_uuid, "
            "product_version, system_vendor if provided by DMI.",
            MetricType::kGauge, kDmi)) {
    const std::string directory = machine.roots.sysfs + "/class/dmi/id/";
    for (const std::string_view name : kDmi) {
      AttrFile file(base::StrCat(directory, name == "system_vendor" ? "sys_vendor" : name));
      const auto text = file.Read();
      found_ |= text.has_value();
      texts_.emplace_back(text.value_or(kNoLabel));
    }
  }

  Result<void> Update() override {
    if (!found_) return Fail(ErrorCode::kNotFound, "no DMI on this machine");
    std::array<std::string_view, std::size(kDmi)> values;
    std::copy(texts_.begin(), texts_.end(), values.begin());
    info_.Set(values.data(), values.size(), 1);
    return {};
  }

 private:
  Family& info_;
  std::vector<std::string> texts_;
  bool found_ = false;
};

constexpr std::string_view kOs[] = {"build_id",      "id",      "id_like",          "image_id",
                                    "image_version", "name",    "pretty_name",      "variant",
                                    "variant_id",    "version", "version_codename", "version_id"};

// The file of https://www.freedesktop.org/software/systemd/man/os-release.html: NAME=value lines,
// values quoted as for a shell.
std::map<std::string, std::string, std::less<>> ParseOsRelease(std::string_view text) {
  std::map<std::string, std::string, std::less<>> out;
  for (std::string_view line; NextLine(text, line);) {
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || line.starts_with('#')) continue;
    std::string_view value = base::TrimSpace(line.substr(equals + 1));
    const bool quoted =
        value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value.front();
    if (quoted) value = value.substr(1, value.size() - 2);
    std::string plain;
    for (size_t i = 0; i < value.size(); ++i) {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      plain += value[i];
    }
    std::string name(line.substr(0, equals));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out.emplace(std::move(name), std::move(plain));
  }
  return out;
}

class Os final : public Collector {
 public:
  Os(const Machine& machine, FamilySet& out)
      : etc_(base::StrCat(Root(machine), "/etc/os-release")),
        usr_(base::StrCat(Root(machine), "/usr/lib/os-release")),
        info_(out.Get("node_os_info",
                      "A metric with a constant '1' value labeled by build_id, id, id_like, "
                      "image_id, image_version, name, pretty_name, variant, variant_id, version, "
                      "version_codename, version_id.",
                      MetricType::kGauge, kOs)),
        version_(out.Get("node_os_version",
                         "Metric containing the major.minor part of the OS version.",
                         MetricType::kGauge, {"id", "id_like", "name"})),
        support_end_(out.Get("node_os_support_end_timestamp_seconds",
                             "Metric containing the end-of-life date timestamp of the OS.",
                             MetricType::kGauge)) {}

  Result<void> Update() override {
    auto text = etc_.Read();
    if (!text) text = usr_.Read();
    const std::string_view now = TRY(std::move(text));
    if (now != text_) {
      text_ = now;
      facts_ = ParseOsRelease(text_);
      end_ = SupportEnd();
    }
    Set();
    return {};
  }

 private:
  static std::string Root(const Machine& machine) {
    return machine.roots.rootfs == "/" ? "" : machine.roots.rootfs;
  }

  std::string_view Fact(std::string_view name) const {
    const auto at = facts_.find(name);
    return at == facts_.end() ? std::string_view() : at->second;
  }

  void Set() {
    std::array<std::string_view, std::size(kOs)> values;
    for (size_t i = 0; i < values.size(); ++i) values[i] = Fact(kOs[i]);
    info_.Set(values.data(), values.size(), 1);
    // "22.04.3" is 22.04.
    std::string_view version = Fact("version_id");
    const size_t dot = version.find('.');
    if (dot != std::string_view::npos) version = version.substr(0, version.find('.', dot + 1));
    if (const auto number = base::ParseFloat(version)) {
      version_.Set({Fact("id"), Fact("id_like"), Fact("name")}, *number);
    }
    if (end_) support_end_.Set(*end_);
  }

  // SUPPORT_END=2028-06-30, as seconds of its first moment in UTC.
  std::optional<double> SupportEnd() const {
    const std::vector<std::string_view> parts = base::Split(Fact("support_end"), '-');
    if (parts.size() != 3) return std::nullopt;
    tm date{};
    const auto year = base::ParseInt<int>(parts[0]);
    const auto month = base::ParseInt<int>(parts[1]);
    const auto day = base::ParseInt<int>(parts[2]);
    if (!year || !month || !day) return std::nullopt;
    if (*year < 1970 || *year > 9999 || *month < 1 || *month > 12) return std::nullopt;
    date.tm_year = *year - 1900;
    date.tm_mon = *month - 1;
    date.tm_mday = *day;
    return static_cast<double>(::timegm(&date));
  }

  ProcFile etc_;
  ProcFile usr_;
  Family& info_;
  Family& version_;
  Family& support_end_;
  std::string text_;
  std::map<std::string, std::string, std::less<>> facts_;
  std::optional<double> end_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeDmi(const Machine& machine, const FlagValues&,
                                           FamilySet& out) {
  return std::make_unique<Dmi>(machine, out);
}

Result<std::unique_ptr<Collector>> MakeOs(const Machine& machine, const FlagValues&,
                                          FamilySet& out) {
  return std::make_unique<Os>(machine, out);
}

}  // namespace slurmscope::agent
