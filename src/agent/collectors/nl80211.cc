// What linux/nl80211.h says about the attributes of wireless interfaces.

#include <linux/nl80211.h>

#include "agent/collectors/netlink.h"
#include "agent/collectors/netlink_messages.h"

namespace slurmscope::agent {
namespace {

constexpr uint64_t kUnit = 100'000;  // bit rates count 100 kbit/s

uint64_t BitsPerSecond(std::string_view rate) {
  uint64_t bits = 0;
  (void)ForEachAttribute(rate, [&](uint16_t type, std::string_view value) {
    if (type == NL80211_RATE_INFO_BITRATE32) bits = CopyPrefix<uint32_t>(value) * kUnit;
    // The 16-bit one is there for old programs, and wrong for fast links.
    if (type == NL80211_RATE_INFO_BITRATE && bits == 0) bits = CopyPrefix<uint16_t>(value) * kUnit;
  });
  return bits;
}

void SetStationField(uint16_t type, std::string_view value, WifiStation& station) {
  const auto u32 = CopyPrefix<uint32_t>(value);
  switch (type) {
    case NL80211_STA_INFO_CONNECTED_TIME:
      station.connected_s = u32;
      break;
    case NL80211_STA_INFO_INACTIVE_TIME:
      station.inactive_ms = u32;
      break;
    case NL80211_STA_INFO_RX_BYTES64:
      station.received_bytes = CopyPrefix<uint64_t>(value);
      break;
    case NL80211_STA_INFO_TX_BYTES64:
      station.transmitted_bytes = CopyPrefix<uint64_t>(value);
      break;
    case NL80211_STA_INFO_RX_BYTES:
      if (station.received_bytes == 0) station.received_bytes = u32;
      break;
    case NL80211_STA_INFO_TX_BYTES:
      if (station.transmitted_bytes == 0) station.transmitted_bytes = u32;
      break;
    case NL80211_STA_INFO_RX_PACKETS:
      station.received_packets = u32;
      break;
    case NL80211_STA_INFO_TX_PACKETS:
      station.transmitted_packets = u32;
      break;
    case NL80211_STA_INFO_SIGNAL:
      // NOLINTNEXTLINE(bugprone-signed-char-misuse): a number, mostly negative
      station.signal_dbm = CopyPrefix<int8_t>(value);
      break;
    case NL80211_STA_INFO_TX_RETRIES:
      station.retries = u32;
      break;
    case NL80211_STA_INFO_TX_FAILED:
      station.failed = u32;
      break;
    case NL80211_STA_INFO_BEACON_LOSS:
      station.beacon_loss = u32;
      break;
    case NL80211_STA_INFO_RX_BITRATE:
      station.receive_bits = BitsPerSecond(value);
      break;
    case NL80211_STA_INFO_TX_BITRATE:
      station.transmit_bits = BitsPerSecond(value);
      break;
    default:
      break;
  }
}

// IEEE 802.11 information elements: a byte for the kind, one for the length. Kind 0 is the name.
std::string_view FindSsid(std::string_view elements) {
  while (elements.size() >= 2) {
    const size_t length = static_cast<uint8_t>(elements[1]);
    if (elements.size() < 2 + length) return {};
    if (elements[0] == 0) return elements.substr(2, length);
    elements.remove_prefix(2 + length);
  }
  return {};
}

}  // namespace

Result<WifiInterface> ParseWifiInterface(std::string_view attributes) {
  WifiInterface interface;
  TRY(ForEachAttribute(attributes, [&](uint16_t type, std::string_view value) {
    if (type == NL80211_ATTR_IFINDEX) interface.index = CopyPrefix<int>(value);
    if (type == NL80211_ATTR_IFNAME) interface.name = value.substr(0, value.find('\0'));
    if (type == NL80211_ATTR_WIPHY_FREQ) interface.frequency_mhz = CopyPrefix<uint32_t>(value);
  }));
  return interface;
}

Result<WifiStation> ParseWifiStation(std::string_view attributes) {
  WifiStation station;
  std::string_view info;
  TRY(ForEachAttribute(attributes, [&](uint16_t type, std::string_view value) {
    if (type == NL80211_ATTR_MAC) station.address = value;
    if (type == NL80211_ATTR_STA_INFO) info = value;
  }));
  TRY(ForEachAttribute(
      info, [&](uint16_t type, std::string_view value) { SetStationField(type, value, station); }));
  return station;
}

Result<std::optional<WifiAccessPoint>> ParseWifiAccessPoint(std::string_view attributes) {
  std::string_view bss;
  TRY(ForEachAttribute(attributes, [&](uint16_t type, std::string_view value) {
    if (type == NL80211_ATTR_BSS) bss = value;
  }));
  WifiAccessPoint point;
  bool ours = false;
  TRY(ForEachAttribute(bss, [&](uint16_t type, std::string_view value) {
    if (type == NL80211_BSS_BSSID) point.address = value;
    if (type == NL80211_BSS_INFORMATION_ELEMENTS) point.ssid = FindSsid(value);
    if (type == NL80211_BSS_STATUS) {
      ours = true;
      point.status = CopyPrefix<uint32_t>(value);
    }
  }));
  if (!ours) return std::nullopt;
  return point;
}

}  // namespace slurmscope::agent
