#include <linux/genetlink.h>
#include <linux/nl80211.h>

#include "agent/collectors/collectors.h"
#include "agent/collectors/json_fixture.h"
#include "agent/collectors/netlink.h"
#include "agent/collectors/netlink_messages.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

// "aa:bb:cc:dd:ee:ff"
std::string MacText(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (!out.empty()) out += ':';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string_view ModeName(uint32_t status) {
  if (status == NL80211_BSS_STATUS_ASSOCIATED || status == NL80211_BSS_STATUS_AUTHENTICATED)
    return "client";
  return status == NL80211_BSS_STATUS_IBSS_JOINED ? "ad-hoc" : "unknown";
}

// Questions to nl80211 over generic netlink. Not thread-safe.
class Nl80211 {
 public:
  // kNotFound when the kernel has no wireless devices.
  Result<void> Connect() {
    if (family_ != 0) return {};
    char attribute[sizeof(nlattr) + sizeof NL80211_GENL_NAME] = {};
    const nlattr header{sizeof attribute, CTRL_ATTR_FAMILY_NAME};
    std::memcpy(attribute, &header, sizeof header);
    std::memcpy(attribute + sizeof header, NL80211_GENL_NAME, sizeof NL80211_GENL_NAME);
    const std::string question = Question(CTRL_CMD_GETFAMILY, {attribute, sizeof attribute});
    return socket_.Ask(GENL_ID_CTRL, question, [this](uint16_t, std::string_view body) {
      return ForEachAttribute(AfterHeader(body), [this](uint16_t type, std::string_view value) {
        if (type == CTRL_ATTR_FAMILY_ID) family_ = CopyPrefix<uint16_t>(value);
      });
    });
  }

  // `interface` 0: of all.
  template <typename Use>
  Result<void> Dump(uint8_t command, int interface, Use use) {
    char attribute[sizeof(nlattr) + sizeof(int)];
    const nlattr header{sizeof attribute, NL80211_ATTR_IFINDEX};
    std::memcpy(attribute, &header, sizeof header);
    std::memcpy(attribute + sizeof header, &interface, sizeof interface);
    const std::string question =
        Question(command, {attribute, interface == 0 ? 0 : sizeof attribute});
    return socket_.Dump(family_, question, [&](uint16_t, std::string_view body) -> Result<void> {
      return use(AfterHeader(body));
    });
  }

 private:
  static std::string Question(uint8_t command, std::string_view attributes) {
    genlmsghdr header{};
    header.cmd = command;
    std::string out(BytesOf(header));
    out += attributes;
    return out;
  }
  static std::string_view AfterHeader(std::string_view body) {
    return body.size() < sizeof(genlmsghdr) ? std::string_view() : body.substr(sizeof(genlmsghdr));
  }

  NetlinkSocket socket_{NETLINK_GENERIC};
  uint16_t family_ = 0;
};

class Wifi final : public Collector {
 public:
  Wifi(std::string fixtures, FamilySet& out)
      : fixtures_(std::move(fixtures)),
        frequency_(out.Get("node_wifi_interface_frequency_hertz",
                           "The current frequency a WiFi interface is operating at, in hertz.",
                           kGauge, {"device"})),
        info_(out.Get("node_wifi_station_info",
                      "Labeled WiFi interface station information as provided by the operating "
                      "system.",
                      kGauge, {"bssid", "device", "mode", "ssid"})) {
    const auto make = [&](std::string_view name, std::string_view help, MetricType type) {
      station_.push_back(&out.Get(base::StrCat("node_wifi_station_", name), help, type,
                                  {"device", "mac_address"}));
    };
    make("connected_seconds_total",
         "The total number of seconds a station has been connected to an access point.", kCounter);
    make("inactive_seconds",
         "The number of seconds since any wireless activity has occurred on a station.", kGauge);
    make("receive_bits_per_second",
         "The current WiFi receive bitrate of a station, in bits per second.", kGauge);
    make("transmit_bits_per_second",
         "The current WiFi transmit bitrate of a station, in bits per second.", kGauge);
    make("receive_bytes_total", "The total number of bytes received by a WiFi station.", kCounter);
    make("transmit_bytes_total", "The total number of bytes transmitted by a WiFi station.",
         kCounter);
    make("signal_dbm", "The current WiFi signal strength, in decibel-milliwatts (dBm).", kGauge);
    make("transmit_retries_total",
         "The total number of times a station has had to retry while sending a packet.", kCounter);
    make("transmit_failed_total",
         "The total number of times a station has failed to send a packet.", kCounter);
    make("beacon_loss_total", "The total number of times a station has detected a beacon loss.",
         kCounter);
    make("transmitted_packets_total", "The total number of packets transmitted by a station.",
         kCounter);
    make("received_packets_total", "The total number of packets received by a station.", kCounter);
  }

  Result<void> Update() override {
    if (!fixtures_.empty()) return ReadFixtures();
    auto connected = nl80211_.Connect();
    // ENOENT: the module is not loaded.
    if (!connected) return Fail(ErrorCode::kNotFound, connected.error().message());
    struct Device {
      int index;
      std::string name;
    };
    std::vector<Device> devices;
    const auto add = [&](std::string_view body) -> Result<void> {
      const WifiInterface interface = TRY(ParseWifiInterface(body));
      if (interface.name.empty()) return {};
      devices.push_back({interface.index, std::string(interface.name)});
      SetFrequency(interface.name, interface.frequency_mhz);
      return {};
    };
    TRY(nl80211_.Dump(NL80211_CMD_GET_INTERFACE, 0, add));
    for (const Device& device : devices) ReadDevice(device.index, device.name);
    return {};
  }

 private:
  // An interface that has no access point or stations has nothing to say; that is no failure.
  void ReadDevice(int index, std::string_view name) {
    (void)nl80211_.Dump(NL80211_CMD_GET_SCAN, index, [&](std::string_view body) -> Result<void> {
      const auto point = TRY(ParseWifiAccessPoint(body));
      if (point) SetAccessPoint(name, *point);
      return {};
    });
    (void)nl80211_.Dump(NL80211_CMD_GET_STATION, index, [&](std::string_view body) -> Result<void> {
      SetStation(name, TRY(ParseWifiStation(body)));
      return {};
    });
  }

  void SetFrequency(std::string_view device, double mhz) {
    constexpr double kHertzPerMhz = 1e6;
    frequency_.Set({device}, mhz * kHertzPerMhz);
  }

  void SetAccessPoint(std::string_view device, const WifiAccessPoint& point) {
    info_.Set({MacText(point.address), device, ModeName(point.status), point.ssid}, 1);
  }

  void SetStation(std::string_view device, const WifiStation& s) {
    const std::string address = MacText(s.address);
    constexpr double kMilli = 1000;
    const double values[] = {static_cast<double>(s.connected_s),
                             s.inactive_ms / kMilli,
                             static_cast<double>(s.receive_bits),
                             static_cast<double>(s.transmit_bits),
                             static_cast<double>(s.received_bytes),
                             static_cast<double>(s.transmitted_bytes),
                             static_cast<double>(s.signal_dbm),
                             static_cast<double>(s.retries),
                             static_cast<double>(s.failed),
                             static_cast<double>(s.beacon_loss),
                             static_cast<double>(s.transmitted_packets),
                             static_cast<double>(s.received_packets)};
    for (size_t i = 0; i < std::size(values); ++i) station_[i]->Set({device, address}, values[i]);
  }

  Result<void> ReadFixtures() {
    const config::Node interfaces = TRY(ReadJsonFixture(fixtures_ + "/interfaces.json"));
    for (const config::Node& entry : interfaces.items) {
      const std::string name = JsonText(entry, "name");
      if (name.empty()) continue;
      SetFrequency(name, static_cast<double>(JsonInt(entry, "frequency")));
      const std::string directory = base::StrCat(fixtures_, "/", name);
      if (const auto bss = ReadJsonFixture(directory + "/bss.json")) {
        const std::string address = JsonBytes(*bss, "bssid");
        const std::string ssid = JsonText(*bss, "ssid");
        SetAccessPoint(name, {address, ssid, static_cast<uint32_t>(JsonInt(*bss, "status"))});
      }
      if (const auto stations = ReadJsonFixture(directory + "/stationinfo.json")) {
        for (const config::Node& station : stations->items) SetStationFixture(name, station);
      }
    }
    return {};
  }

  void SetStationFixture(std::string_view device, const config::Node& entry) {
    constexpr int64_t kNsPerMs = 1'000'000;
    constexpr int64_t kNsPerS = 1'000'000'000;
    const std::string address = JsonBytes(entry, "hardwareaddr");
    WifiStation s;
    s.address = address;
    s.connected_s = static_cast<uint32_t>(JsonInt(entry, "connected") / kNsPerS);
    s.inactive_ms = static_cast<uint32_t>(JsonInt(entry, "inactive") / kNsPerMs);
    s.receive_bits = static_cast<uint64_t>(JsonInt(entry, "receivebitrate"));
    s.transmit_bits = static_cast<uint64_t>(JsonInt(entry, "transmitbitrate"));
    s.signal_dbm = static_cast<int>(JsonInt(entry, "signal"));
    s.retries = static_cast<uint32_t>(JsonInt(entry, "transmitretries"));
    s.failed = static_cast<uint32_t>(JsonInt(entry, "transmitfailed"));
    s.beacon_loss = static_cast<uint32_t>(JsonInt(entry, "beaconloss"));
    SetStation(device, s);
  }

  const std::string fixtures_;
  Family& frequency_;
  Family& info_;
  std::vector<Family*> station_;
  Nl80211 nl80211_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeWifi(const Machine&, const FlagValues& flags,
                                            FamilySet& out) {
  return std::make_unique<Wifi>(flags.String("collector.wifi.fixtures"), out);
}

}  // namespace slurmscope::agent
