#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

struct Field {
  std::string_view key;
  std::string_view name;
  std::string_view help;
  MetricType type;
  double factor;
};

constexpr double kKibi = 1024;

// nr is given as it is, as node_exporter has it, although it counts KiB like its neighbours.
// https://linbit.com/drbd-user-guide/users-guide-drbd-8-4/#s-performance-indicators
constexpr Field kFields[] = {
    {"al", "node_drbd_activitylog_writes_total",
     "Number of updates of the activity log area of the meta data.", MetricType::kCounter, 1},
    {"ap", "node_drbd_application_pending",
     "Number of block I/O requests forwarded to DRBD, but not yet answered by DRBD.",
     MetricType::kGauge, 1},
    {"bm", "node_drbd_bitmap_writes_total",
     "Number of updates of the bitmap area of the meta data.", MetricType::kCounter, 1},
    {"dr", "node_drbd_disk_read_bytes_total", "Net data read from local hard disk; in bytes.",
     MetricType::kCounter, kKibi},
    {"dw", "node_drbd_disk_written_bytes_total", "Net data written on local hard disk; in bytes.",
     MetricType::kCounter, kKibi},
    {"ep", "node_drbd_epochs", "Number of Epochs currently on the fly.", MetricType::kGauge, 1},
    {"lo", "node_drbd_local_pending", "Number of open requests to the local I/O sub-system.",
     MetricType::kGauge, 1},
    {"nr", "node_drbd_network_received_bytes_total",
     "Total number of bytes received via the network.", MetricType::kCounter, 1},
    {"ns", "node_drbd_network_sent_bytes_total", "Total number of bytes sent via the network.",
     MetricType::kCounter, kKibi},
    {"oos", "node_drbd_out_of_sync_bytes", "Amount of data known to be out of sync; in bytes.",
     MetricType::kGauge, kKibi},
    {"pe", "node_drbd_remote_pending",
     "Number of requests sent to the peer, but that have not yet been answered by the latter.",
     MetricType::kGauge, 1},
    {"ua", "node_drbd_remote_unacknowledged",
     "Number of requests received by the peer via the network connection, but that have not yet "
     "been answered.",
     MetricType::kGauge, 1},
};

// /proc/drbd of DRBD 8: words "key:value", after "1:" for device drbd1.
class Drbd final : public Collector {
 public:
  Drbd(const Machine& machine, FamilySet& out)
      : file_(machine.roots.procfs + "/drbd"),
        role_(out.Get("node_drbd_node_role_is_primary",
                      "Whether the role of the node is in the primary state.", MetricType::kGauge,
                      {"device", "node"})),
        disk_(out.Get("node_drbd_disk_state_is_up_to_date",
                      "Whether the disk of the node is up to date.", MetricType::kGauge,
                      {"device", "node"})),
        connected_(out.Get("node_drbd_connected", "Whether DRBD is connected to the peer.",
                           MetricType::kGauge, {"device"})) {
    for (const Field& field : kFields) {
      families_.push_back(&out.Get(field.name, field.help, field.type, {"device"}));
    }
  }

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    device_.clear();
    for (std::string_view line; NextLine(text, line);) {
      for (std::string_view word; !(word = NextField(line)).empty();) SetWord(word);
    }
    return {};
  }

 private:
  void SetWord(std::string_view word) {
    const size_t colon = word.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view key = word.substr(0, colon);
    const std::string_view value = word.substr(colon + 1);
    if (value.empty()) {
      if (ParseUint(key)) device_ = base::StrCat("drbd", key);
      return;
    }
    if (device_.empty()) return;
    if (key == "ro") SetPair(role_, value, "Primary");
    if (key == "ds") SetPair(disk_, value, "UpToDate");
    if (key == "cs") connected_.Set({device_}, value == "Connected" ? 1 : 0);
    const auto number = ParseUint(value);
    for (size_t i = 0; number && i < families_.size(); ++i) {
      if (kFields[i].key != key) continue;
      families_[i]->Set({device_}, static_cast<double>(*number) * kFields[i].factor);
    }
  }

  // "Primary/Secondary": here and at the peer.
  void SetPair(Family& family, std::string_view value, std::string_view good) {
    const size_t slash = value.find('/');
    if (slash == std::string_view::npos) return;
    family.Set({device_, "local"}, value.substr(0, slash) == good ? 1 : 0);
    family.Set({device_, "remote"}, value.substr(slash + 1) == good ? 1 : 0);
  }

  ProcFile file_;
  Family& role_;
  Family& disk_;
  Family& connected_;
  std::vector<Family*> families_;
  std::string device_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeDrbd(const Machine& machine, const FlagValues&,
                                            FamilySet& out) {
  return std::make_unique<Drbd>(machine, out);
}

}  // namespace slurmscope::agent
