#include <algorithm>

#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;

struct Column {
  std::string_view name;
  std::string_view help;
  double divisor = 1;
  MetricType type = kCounter;
};

// Numbers of the lines "events:", "bytes:", "xprt:" and of the operations, in their order; an empty
// name is not shown. https://docs.kernel.org has none; fs/nfs/iostat.h, net/sunrpc/stats.c.
constexpr Column kEvents[] = {
    {"node_mountstats_nfs_event_inode_revalidate_total",
     "Number of times cached inode attributes are re-validated from the server."},
    {"node_mountstats_nfs_event_dnode_revalidate_total",
     "Number of times cached dentry nodes are re-validated from the server."},
    {"node_mountstats_nfs_event_data_invalidate_total",
     "Number of times an inode cache is cleared."},
    {"node_mountstats_nfs_event_attribute_invalidate_total",
     "Number of times cached inode attributes are invalidated."},
    {"node_mountstats_nfs_event_vfs_open_total",
     "Number of times cached inode attributes are invalidated."},
    {"node_mountstats_nfs_event_vfs_lookup_total",
     "Number of times a directory lookup has occurred."},
    {"node_mountstats_nfs_event_vfs_access_total",
     "Number of times permissions have been checked."},
    {"node_mountstats_nfs_event_vfs_update_page_total",
     "Number of updates (and potential writes) to pages."},
    {"node_mountstats_nfs_event_vfs_read_page_total",
     "Number of pages read directly via mmap()'d files."},
    {"node_mountstats_nfs_event_vfs_read_pages_total",
     "Number of times a group of pages have been read."},
    {"node_mountstats_nfs_event_vfs_write_page_total",
     "Number of pages written directly via mmap()'d files."},
    {"node_mountstats_nfs_event_vfs_write_pages_total",
     "Number of times a group of pages have been written."},
    {"node_mountstats_nfs_event_vfs_getdents_total",
     "Number of times directory entries have been read with getdents()."},
    {"node_mountstats_nfs_event_vfs_setattr_total",
     "Number of times directory entries have been read with getdents()."},
    {"node_mountstats_nfs_event_vfs_flush_total",
     "Number of pending writes that have been forcefully flushed to the server."},
    {"node_mountstats_nfs_event_vfs_fsync_total",
     "Number of times fsync() has been called on directories and files."},
    {"node_mountstats_nfs_event_vfs_lock_total",
     "Number of times locking has been attempted on a file."},
    {"node_mountstats_nfs_event_vfs_file_release_total",
     "Number of times files have been closed and released."},
    {"", ""},
    {"node_mountstats_nfs_event_truncation_total", "Number of times files have been truncated."},
    {"node_mountstats_nfs_event_write_extension_total",
     "Number of times a file has been grown due to writes beyond its existing end."},
    {"node_mountstats_nfs_event_silly_rename_total",
     "Number of times a file was removed while still open by another process."},
    {"node_mountstats_nfs_event_short_read_total",
     "Number of times the NFS server gave less data than expected while reading."},
    {"node_mountstats_nfs_event_short_write_total",
     "Number of times the NFS server wrote less data than expected while writing."},
    {"node_mountstats_nfs_event_jukebox_delay_total",
     "Number of times the NFS server indicated EJUKEBOX; retrieving data from offline storage."},
    {"node_mountstats_nfs_event_pnfs_read_total", "Number of NFS v4.1+ pNFS reads."},
    {"node_mountstats_nfs_event_pnfs_write_total", "Number of NFS v4.1+ pNFS writes."},
};

constexpr Column kBytes[] = {
    {"node_mountstats_nfs_read_bytes_total", "Number of bytes read using the read() syscall."},
    {"node_mountstats_nfs_write_bytes_total", "Number of bytes written using the write() syscall."},
    {"node_mountstats_nfs_direct_read_bytes_total",
     "Number of bytes read using the read() syscall in O_DIRECT mode."},
    {"node_mountstats_nfs_direct_write_bytes_total",
     "Number of bytes written using the write() syscall in O_DIRECT mode."},
    {"node_mountstats_nfs_total_read_bytes_total",
     "Number of bytes read from the NFS server, in total."},
    {"node_mountstats_nfs_total_write_bytes_total",
     "Number of bytes written to the NFS server, in total."},
    {"node_mountstats_nfs_read_pages_total", "Number of pages read directly via mmap()'d files."},
    {"node_mountstats_nfs_write_pages_total",
     "Number of pages written directly via mmap()'d files."},
};

constexpr Column kTransport[] = {
    {"node_mountstats_nfs_transport_bind_total",
     "Number of times the client has had to establish a connection from scratch to the NFS "
     "server."},
    {"node_mountstats_nfs_transport_connect_total",
     "Number of times the client has made a TCP connection to the NFS server."},
    {"", ""},
    {"node_mountstats_nfs_transport_idle_time_seconds",
     "Duration since the NFS mount last saw any RPC traffic, in seconds.", 1, MetricType::kGauge},
    {"node_mountstats_nfs_transport_sends_total",
     "Number of RPC requests for this mount sent to the NFS server."},
    {"node_mountstats_nfs_transport_receives_total",
     "Number of RPC responses for this mount received from the NFS server."},
    {"node_mountstats_nfs_transport_bad_transaction_ids_total",
     "Number of times the NFS server sent a response with a transaction ID unknown to this "
     "client."},
    {"", ""},
    {"node_mountstats_nfs_transport_backlog_queue_total",
     "Total number of items added to the RPC backlog queue."},
    {"node_mountstats_nfs_transport_maximum_rpc_slots",
     "Maximum number of simultaneously active RPC requests ever used.", 1, MetricType::kGauge},
    {"node_mountstats_nfs_transport_sending_queue_total",
     "Total number of items added to the RPC transmission sending queue."},
    {"node_mountstats_nfs_transport_pending_queue_total",
     "Total number of items added to the RPC transmission pending queue."},
};

constexpr Column kOperation[] = {
    {"node_mountstats_nfs_operations_requests_total",
     "Number of requests performed for a given operation."},
    {"node_mountstats_nfs_operations_transmissions_total",
     "Number of times an actual RPC request has been transmitted for a given operation."},
    {"node_mountstats_nfs_operations_major_timeouts_total",
     "Number of times a request has had a major timeout for a given operation."},
    {"node_mountstats_nfs_operations_sent_bytes_total",
     "Number of bytes sent for a given operation, including RPC headers and payload."},
    {"node_mountstats_nfs_operations_received_bytes_total",
     "Number of bytes received for a given operation, including RPC headers and payload."},
    {"node_mountstats_nfs_operations_queue_time_seconds_total",
     "Duration all requests spent queued for transmission for a given operation before they were "
     "sent, in seconds.",
     1000},
    {"node_mountstats_nfs_operations_response_time_seconds_total",
     "Duration all requests took to get a reply back after a request for a given operation was "
     "transmitted, in seconds.",
     1000},
    {"node_mountstats_nfs_operations_request_time_seconds_total",
     "Duration all requests took from when a request was enqueued to when it was completely "
     "handled for a given operation, in seconds.",
     1000},
};

struct Mount {
  std::string_view export_name;
  std::string_view address;
  std::string_view protocol;
  bool operator==(const Mount&) const = default;
};

// What is told of the mount by its options.
std::string_view Option(std::string_view options, std::string_view name) {
  for (const std::string_view option : base::Split(options, ',')) {
    const bool it =
        option.size() > name.size() && option.starts_with(name) && option[name.size()] == '=';
    if (it) return option.substr(name.size() + 1);
  }
  return {};
}

class Mountstats final : public Collector {
 public:
  Mountstats(const Machine& machine, FamilySet& out)
      : stats_(machine.roots.procfs + "/self/mountstats"),
        mountinfo_(machine.roots.procfs + "/self/mountinfo"),
        age_(out.Get("node_mountstats_nfs_age_seconds_total",
                     "The age of the NFS mount in seconds.", kCounter,
                     {"export", "mountaddr", "protocol"})),
        info_(out.Get("node_mountstats_nfs_mountpoint_info", "Info metric for an NFS mountpoint.",
                      MetricType::kGauge, {"export", "mountaddr", "mountpoint", "protocol"})) {
    Add(out, kEvents, {"export", "mountaddr", "protocol"}, events_);
    Add(out, kBytes, {"export", "mountaddr", "protocol"}, bytes_);
    Add(out, kTransport, {"export", "mountaddr", "protocol", "transport"}, transport_);
    Add(out, kOperation, {"export", "mountaddr", "operation", "protocol"}, operation_);
  }

  Result<void> Update() override {
    const std::string_view mounts = TRY(mountinfo_.Read());
    ReadMounts(mounts);
    std::string_view text = TRY(stats_.Read());
    seen_.clear();
    std::string_view block;
    // Blocks begin with "device X mounted on Y with fstype Z".
    while (!text.empty()) {
      const size_t next = text.find("\ndevice ", 1);
      block = text.substr(0, next);
      text.remove_prefix(next == std::string_view::npos ? text.size() : next + 1);
      SetBlock(block);
    }
    return {};
  }

 private:
  static void Add(FamilySet& out, std::span<const Column> columns, const LabelNames& labels,
                  std::vector<Family*>& families) {
    for (const Column& column : columns) {
      families.push_back(
          column.name.empty() ? nullptr : &out.Get(column.name, column.help, column.type, labels));
    }
  }

  // The server's address of a mount point stands in mountinfo only.
  void ReadMounts(std::string_view text) {
    addresses_.clear();
    for (std::string_view line; NextLine(text, line);) {
      for (int i = 0; i < 4; ++i) NextField(line);
      const std::string_view point = NextField(line);
      for (std::string_view word = NextField(line); !word.empty() && word != "-";) {
        word = NextField(line);
      }
      const std::string_view type = NextField(line);
      if (!type.starts_with("nfs")) continue;
      NextField(line);
      addresses_.push_back({point, type, Option(NextField(line), "addr")});
    }
  }

  void SetBlock(std::string_view block) {
    std::string_view line;
    NextLine(block, line);
    NextField(line);  // "device"
    Mount mount;
    mount.export_name = NextField(line);
    for (int i = 0; i < 2; ++i) NextField(line);  // "mounted on"
    const std::string_view point = NextField(line);
    for (int i = 0; i < 2; ++i) NextField(line);  // "with fstype"
    const std::string_view type = NextField(line);
    if (!type.starts_with("nfs") || type == "nfsd") return;
    for (const MountPoint& known : addresses_) {
      if (known.path == point && known.type == type) mount.address = known.address;
    }
    mount.protocol = Protocol(block);
    info_.Set({mount.export_name, mount.address, point, mount.protocol}, 1);
    // Mounts of one export share their statistics.
    const bool known = std::find(seen_.begin(), seen_.end(), mount) != seen_.end();
    if (known) return;
    seen_.push_back(mount);
    SetLines(block, mount);
  }

  static std::string_view Protocol(std::string_view block) {
    for (std::string_view line; NextLine(block, line);) {
      const std::string_view key = NextField(line);
      if (key == "opts:") {
        if (const auto protocol = Option(NextField(line), "proto"); !protocol.empty())
          return protocol;
      }
    }
    return {};
  }

  void SetLines(std::string_view block, const Mount& mount) {
    unsigned transports = 0;
    bool operations = false;
    for (std::string_view line; NextLine(block, line);) {
      std::string_view key = NextField(line);
      const std::initializer_list<std::string_view> labels = {mount.export_name, mount.address,
                                                              mount.protocol};
      if (key == "per-op") operations = true;
      if (operations && key.ends_with(':')) {
        key.remove_suffix(1);
        SetColumns(kOperation, operation_, line,
                   {mount.export_name, mount.address, key, mount.protocol});
      } else if (key == "age:") {
        if (const auto age = NextUint(line)) age_.Set(labels, static_cast<double>(*age));
      } else if (key == "events:") {
        SetColumns(kEvents, events_, line, labels);
      } else if (key == "bytes:") {
        SetColumns(kBytes, bytes_, line, labels);
      } else if (key == "xprt:") {
        SetTransport(line, mount, transports++);
      }
    }
  }

  // "xprt: tcp PORT bind connect ..."; UDP has no connect, connect time and idle time.
  void SetTransport(std::string_view line, const Mount& mount, unsigned number) {
    const bool udp = NextField(line) == "udp";
    NextField(line);
    std::string numbers;
    if (udp) {
      numbers = base::StrCat(NextField(line), " 0 0 0 ", line);
      line = numbers;
    }
    SetColumns(kTransport, transport_, line,
               {mount.export_name, mount.address, mount.protocol, base::StrCat(number)});
  }

  static void SetColumns(std::span<const Column> columns, const std::vector<Family*>& families,
                         std::string_view line, std::initializer_list<std::string_view> labels) {
    for (size_t i = 0; i < families.size(); ++i) {
      const auto value = NextUint(line);
      if (!value) return;
      if (families[i] == nullptr) continue;
      // Queue times can be "negative" in 64 bits; node_exporter keeps the low 53.
      const uint64_t number = columns[i].divisor == 1 ? *value : *value % (uint64_t{1} << 53);
      families[i]->Set(labels, static_cast<double>(number) / columns[i].divisor);
    }
  }

  struct MountPoint {
    std::string_view path;
    std::string_view type;
    std::string_view address;
  };

  ProcFile stats_;
  ProcFile mountinfo_;
  Family& age_;
  Family& info_;
  std::vector<Family*> events_;
  std::vector<Family*> bytes_;
  std::vector<Family*> transport_;
  std::vector<Family*> operation_;
  std::vector<MountPoint> addresses_;  // of the text of mountinfo
  std::vector<Mount> seen_;            // of the texts of this scrape
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeMountstats(const Machine& machine, const FlagValues&,
                                                  FamilySet& out) {
  return std::make_unique<Mountstats>(machine, out);
}

}  // namespace slurmscope::agent
