// Collectors that are nothing but a directory of devices in sysfs: a table each.

#include <algorithm>
#include <cctype>

#include "agent/collectors/class_tree.h"
#include "agent/collectors/collectors.h"

namespace slurmscope::agent {
namespace {

constexpr AttrSpec kFibreChannel[] = {
    {"statistics/dumped_frames", "node_fibrechannel_dumped_frames_total", "Number of dumped frames",
     MetricType::kCounter},
    {"statistics/error_frames", "node_fibrechannel_error_frames_total",
     "Number of errors in frames", MetricType::kCounter},
    {"statistics/fcp_packet_aborts", "node_fibrechannel_fcp_packet_aborts_total",
     "Number of aborted packets", MetricType::kCounter},
    {"statistics/invalid_crc_count", "node_fibrechannel_invalid_crc_total",
     "Invalid Cyclic Redundancy Check count", MetricType::kCounter},
    {"statistics/invalid_tx_word_count", "node_fibrechannel_invalid_tx_words_total",
     "Number of invalid words transmitted by host port", MetricType::kCounter},
    {"statistics/link_failure_count", "node_fibrechannel_link_failure_total",
     "Number of times the host port link has failed", MetricType::kCounter},
    {"statistics/loss_of_signal_count", "node_fibrechannel_loss_of_signal_total",
     "Number of times signal has been lost", MetricType::kCounter},
    {"statistics/loss_of_sync_count", "node_fibrechannel_loss_of_sync_total",
     "Number of failures on either bit or transmission word boundaries", MetricType::kCounter},
    {"statistics/nos_count", "node_fibrechannel_nos_total",
     "Number Not_Operational Primitive Sequence received by host port", MetricType::kCounter},
    {"statistics/rx_frames", "node_fibrechannel_rx_frames_total", "Number of frames received",
     MetricType::kCounter},
    {"statistics/rx_words", "node_fibrechannel_rx_words_total",
     "Number of words received by host port", MetricType::kCounter},
    {"statistics/seconds_since_last_reset", "node_fibrechannel_seconds_since_last_reset_total",
     "Number of seconds since last host port reset", MetricType::kCounter},
    {"statistics/tx_frames", "node_fibrechannel_tx_frames_total",
     "Number of frames transmitted by host port", MetricType::kCounter},
    {"statistics/tx_words", "node_fibrechannel_tx_words_total",
     "Number of words transmitted by host port", MetricType::kCounter},
};
constexpr AttrSpec kWatchdog[] = {
    {"access_cs0", "node_watchdog_access_cs0", "Value of /sys/class/watchdog/<watchdog>/access_cs0",
     MetricType::kGauge},
    {"bootstatus", "node_watchdog_bootstatus", "Value of /sys/class/watchdog/<watchdog>/bootstatus",
     MetricType::kGauge},
    {"fw_version", "node_watchdog_fw_version", "Value of /sys/class/watchdog/<watchdog>/fw_version",
     MetricType::kGauge},
    {"nowayout", "node_watchdog_nowayout", "Value of /sys/class/watchdog/<watchdog>/nowayout",
     MetricType::kGauge},
    {"pretimeout", "node_watchdog_pretimeout_seconds",
     "Value of /sys/class/watchdog/<watchdog>/pretimeout", MetricType::kGauge},
    {"timeleft", "node_watchdog_timeleft_seconds",
     "Value of /sys/class/watchdog/<watchdog>/timeleft", MetricType::kGauge},
    {"timeout", "node_watchdog_timeout_seconds", "Value of /sys/class/watchdog/<watchdog>/timeout",
     MetricType::kGauge},
};
constexpr AttrSpec kTape[] = {
    {"stats/in_flight", "node_tape_io_now",
     "The number of I/Os currently outstanding to this device.", MetricType::kGauge},
    {"stats/other_cnt", "node_tape_io_others_total",
     "The number of I/Os issued to the tape drive other than read or write commands. The time "
     "taken to complete these commands uses the following calculation "
     "io_time_seconds_total-read_time_seconds_total-write_time_seconds_total",
     MetricType::kCounter},
    {"stats/io_ns", "node_tape_io_time_seconds_total",
     "The amount of time spent waiting for all I/O to complete (including read and write). This "
     "includes tape movement commands such as seeking between file or set marks and implicit tape "
     "movement such as when rewind on close tape devices are used.",
     MetricType::kCounter, 1, 1e9},
    {"stats/read_byte_cnt", "node_tape_read_bytes_total",
     "The number of bytes read from the tape drive.", MetricType::kCounter},
    {"stats/read_ns", "node_tape_read_time_seconds_total",
     "The amount of time spent waiting for read requests to complete.", MetricType::kCounter, 1,
     1e9},
    {"stats/read_cnt", "node_tape_reads_completed_total",
     "The number of read requests issued to the tape drive.", MetricType::kCounter},
    {"stats/resid_cnt", "node_tape_residual_total",
     "The number of times during a read or write we found the residual amount to be non-zero. This "
     "should mean that a program is issuing a read larger thean the block size on tape. For write "
     "not all data made it to tape.",
     MetricType::kCounter},
    {"stats/write_ns", "node_tape_write_time_seconds_total",
     "The amount of time spent waiting for write requests to complete.", MetricType::kCounter, 1,
     1e9},
    {"stats/write_cnt", "node_tape_writes_completed_total",
     "The number of write requests issued to the tape drive.", MetricType::kCounter},
    {"stats/write_byte_cnt", "node_tape_written_bytes_total",
     "The number of bytes written to the tape drive.", MetricType::kCounter},
};

constexpr InfoLabel kFibreChannelInfo[] = {{"dev_loss_tmo", "dev_loss_tmo"},
                                           {"fabric_name", "fabric_name", true},
                                           {"fc_host", ""},
                                           {"port_id", "port_id", true},
                                           {"port_name", "port_name", true},
                                           {"port_state", "port_state"},
                                           {"port_type", "port_type"},
                                           {"speed", "speed"},
                                           {"supported_classes", "supported_classes"},
                                           {"supported_speeds", "supported_speeds"},
                                           {"symbolic_name", "symbolic_name"}};

constexpr ClassTreeSpec kFibreChannelTree = {
    "class/fc_host",
    "fc_host",
    kFibreChannel,
    "node_fibrechannel_info",
    "Non-numeric data from /sys/class/fc_host/<host>, value is always 1.",
    kFibreChannelInfo};

constexpr InfoLabel kWatchdogInfo[] = {
    {"identity", "identity"}, {"name", ""},
    {"options", "options"},   {"pretimeout_governor", "pretimeout_governor"},
    {"state", "state"},       {"status", "status"}};

constexpr ClassTreeSpec kWatchdogTree = {"class/watchdog",
                                         "name",
                                         kWatchdog,
                                         "node_watchdog_info",
                                         "Info of /sys/class/watchdog/<watchdog>",
                                         kWatchdogInfo};

// st0 but not nst0 (no rewind) or st0a (other densities), which are the same drive.
bool IsTapeDrive(std::string_view name) {
  return name.size() > 2 && name.starts_with("st") &&
         std::all_of(name.begin() + 2, name.end(), [](unsigned char c) { return std::isdigit(c); });
}

constexpr ClassTreeSpec kTapeTree = {"class/scsi_tape", "device", kTape, "", "", {}, IsTapeDrive};

}  // namespace

Result<std::unique_ptr<Collector>> MakeFibreChannel(const Machine& machine, const FlagValues&,
                                                    FamilySet& out) {
  return std::make_unique<ClassTree>(machine, kFibreChannelTree, nullptr, out);
}

Result<std::unique_ptr<Collector>> MakeWatchdog(const Machine& machine, const FlagValues&,
                                                FamilySet& out) {
  return std::make_unique<ClassTree>(machine, kWatchdogTree, nullptr, out);
}

Result<std::unique_ptr<Collector>> MakeTapestats(const Machine& machine, const FlagValues& flags,
                                                 FamilySet& out) {
  constexpr std::string_view kFlag = "collector.tapestats.ignored-devices";
  auto ignored = std::make_unique<Pattern>(TRY(Pattern::Compile(kFlag, flags.String(kFlag))));
  return std::make_unique<ClassTree>(machine, kTapeTree, std::move(ignored), out);
}

}  // namespace slurmscope::agent
