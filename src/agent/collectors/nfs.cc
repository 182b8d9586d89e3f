// The RPC statistics of the NFS client and server, /proc/net/rpc/{nfs,nfsd}: lines of a keyword and
// numbers.

#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;

// A number of a line.
struct RpcNumber {
  std::string_view keyword;
  size_t index;  // from 0; kLast: the last one
  std::string_view name;
  std::string_view help;
  MetricType type = kCounter;
  std::string_view label = {};  // empty: no label
  std::string_view label_value = {};
};
constexpr size_t kLast = ~size_t{0};

constexpr std::string_view kPackets =
    "Total NFSd network packets (sent+received) by protocol type.";
constexpr std::string_view kRpcErrors = "Total number of NFSd RPC errors by error type.";

constexpr RpcNumber kClient[] = {
    {"net", 1, "node_nfs_packets_total", kPackets, kCounter, "protocol", "udp"},
    {"net", 2, "node_nfs_packets_total", kPackets, kCounter, "protocol", "tcp"},
    {"net", 3, "node_nfs_connections_total", "Total number of NFSd TCP connections."},
    {"rpc", 0, "node_nfs_rpcs_total", "Total number of RPCs performed."},
    {"rpc", 1, "node_nfs_rpc_retransmissions_total", "Number of RPC transmissions performed."},
    {"rpc", 2, "node_nfs_rpc_authentication_refreshes_total",
     "Number of RPC authentication refreshes performed."}};

constexpr RpcNumber kServer[] = {
    {"rc", 0, "node_nfsd_reply_cache_hits_total",
     "Total number of NFSd Reply Cache hits (client lost server response)."},
    {"rc", 1, "node_nfsd_reply_cache_misses_total",
     "Total number of NFSd Reply Cache an operation that requires caching (idempotent)."},
    {"rc", 2, "node_nfsd_reply_cache_nocache_total",
     "Total number of NFSd Reply Cache non-idempotent operations (rename/delete/…)."},
    {"fh", 0, "node_nfsd_file_handles_stale_total", "Total number of NFSd stale file handles"},
    {"io", 0, "node_nfsd_disk_bytes_read_total", "Total NFSd bytes read."},
    {"io", 1, "node_nfsd_disk_bytes_written_total", "Total NFSd bytes written."},
    {"th", 0, "node_nfsd_server_threads", "Total number of NFSd kernel threads that are running.",
     MetricType::kGauge},
    {"ra", 0, "node_nfsd_read_ahead_cache_size_blocks",
     "How large the read ahead cache is in blocks.", MetricType::kGauge},
    {"ra", kLast, "node_nfsd_read_ahead_cache_not_found_total",
     "Total number of NFSd read ahead cache not found."},
    {"net", 1, "node_nfsd_packets_total", kPackets, kCounter, "proto", "udp"},
    {"net", 2, "node_nfsd_packets_total", kPackets, kCounter, "proto", "tcp"},
    {"net", 3, "node_nfsd_connections_total", "Total number of NFSd TCP connections."},
    {"rpc", 0, "node_nfsd_server_rpcs_total", "Total number of NFSd RPCs."},
    {"rpc", 2, "node_nfsd_rpc_errors_total", kRpcErrors, kCounter, "error", "fmt"},
    {"rpc", 3, "node_nfsd_rpc_errors_total", kRpcErrors, kCounter, "error", "auth"},
    {"rpc", 4, "node_nfsd_rpc_errors_total", kRpcErrors, kCounter, "error", "cInt"}};

// Procedures in the order of their numbers; "" is not shown.
constexpr std::string_view kV2[] = {"Null", "GetAttr", "SetAttr", "Root",   "Lookup",  "ReadLink",
                                    "Read", "WrCache", "Write",   "Create", "Remove",  "Rename",
                                    "Link", "SymLink", "MkDir",   "RmDir",  "ReadDir", "FsStat"};
constexpr std::string_view kV3[] = {
    "Null",    "GetAttr",     "SetAttr", "Lookup", "Access",   "ReadLink", "Read",   "Write",
    "Create",  "MkDir",       "SymLink", "MkNod",  "Remove",   "RmDir",    "Rename", "Link",
    "ReadDir", "ReadDirPlus", "FsStat",  "FsInfo", "PathConf", "Commit"};
constexpr std::string_view kV4Client[] = {"Null",
                                          "Read",
                                          "Write",
                                          "Commit",
                                          "Open",
                                          "OpenConfirm",
                                          "OpenNoattr",
                                          "OpenDowngrade",
                                          "Close",
                                          "Setattr",
                                          "FsInfo",
                                          "Renew",
                                          "SetClientID",
                                          "SetClientIDConfirm",
                                          "Lock",
                                          "Lockt",
                                          "Locku",
                                          "Access",
                                          "Getattr",
                                          "Lookup",
                                          "LookupRoot",
                                          "Remove",
                                          "Rename",
                                          "Link",
                                          "Symlink",
                                          "Create",
                                          "Pathconf",
                                          "StatFs",
                                          "ReadLink",
                                          "ReadDir",
                                          "ServerCaps",
                                          "DelegReturn",
                                          "GetACL",
                                          "SetACL",
                                          "FsLocations",
                                          "ReleaseLockowner",
                                          "Secinfo",
                                          "FsidPresent",
                                          "ExchangeID",
                                          "CreateSession",
                                          "DestroySession",
                                          "Sequence",
                                          "GetLeaseTime",
                                          "ReclaimComplete",
                                          "GetDeviceInfo",
                                          "LayoutGet",
                                          "LayoutCommit",
                                          "LayoutReturn",
                                          "SecinfoNoName",
                                          "TestStateID",
                                          "FreeStateID",
                                          "GetDeviceList",
                                          "BindConnToSession",
                                          "DestroyClientID",
                                          "Seek",
                                          "Allocate",
                                          "DeAllocate",
                                          "LayoutStats",
                                          "Clone"};
// Operations of RFC 7530, 3 to 39.
constexpr std::string_view kV4Server[] = {"",
                                          "",
                                          "",
                                          "Access",
                                          "Close",
                                          "Commit",
                                          "Create",
                                          "DelegPurge",
                                          "DelegReturn",
                                          "GetAttr",
                                          "GetFH",
                                          "Link",
                                          "Lock",
                                          "Lockt",
                                          "Locku",
                                          "Lookup",
                                          "LookupRoot",
                                          "Nverify",
                                          "Open",
                                          "OpenAttr",
                                          "OpenConfirm",
                                          "OpenDgrd",
                                          "PutFH",
                                          "",
                                          "",
                                          "Read",
                                          "ReadDir",
                                          "ReadLink",
                                          "Remove",
                                          "Rename",
                                          "Renew",
                                          "RestoreFH",
                                          "SaveFH",
                                          "SecInfo",
                                          "SetAttr",
                                          "SetClientID",
                                          "SetClientIDConfirm",
                                          "Verify",
                                          "Write",
                                          "RelLockOwner"};

struct Procedures {
  std::string_view keyword;
  std::string_view proto;
  std::span<const std::string_view> names;
  bool has_count = true;  // the first number says how many follow
};

constexpr std::string_view kWdeleg[] = {"WdelegGetattr"};
constexpr Procedures kClientProcedures[] = {
    {"proc2", "2", kV2}, {"proc3", "3", kV3}, {"proc4", "4", kV4Client}};
constexpr Procedures kServerProcedures[] = {{"proc2", "2", kV2},
                                            {"proc3", "3", kV3},
                                            {"proc4ops", "4", kV4Server},
                                            {"wdeleg_getattr", "4", kWdeleg, false}};

struct RpcSpec {
  std::string_view file;  // below procfs
  std::span<const RpcNumber> numbers;
  std::span<const Procedures> procedures;
  std::string_view requests_name;
  std::string_view requests_help;
  bool show_null;
};

constexpr RpcSpec kNfs = {"net/rpc/nfs",
                          kClient,
                          kClientProcedures,
                          "node_nfs_requests_total",
                          "Number of NFS procedures invoked.",
                          true};
constexpr RpcSpec kNfsd = {"net/rpc/nfsd",
                           kServer,
                           kServerProcedures,
                           "node_nfsd_requests_total",
                           "Total number NFSd Requests by method and protocol.",
                           false};

class Rpc final : public Collector {
 public:
  Rpc(const Machine& machine, const RpcSpec& spec, FamilySet& out)
      : spec_(spec),
        file_(base::StrCat(machine.roots.procfs, "/", spec.file)),
        requests_(out.Get(spec.requests_name, spec.requests_help, kCounter, {"method", "proto"})) {
    for (const RpcNumber& number : spec.numbers) {
      std::vector<std::string_view> labels;
      if (!number.label.empty()) labels.emplace_back(number.label);
      families_.push_back(&out.Get(number.name, number.help, number.type, labels));
    }
  }

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    for (std::string_view line; NextLine(text, line);) {
      const std::string_view keyword = NextField(line);
      numbers_.clear();
      for (std::string_view word; !(word = NextField(line)).empty();) {
        // The histogram of "th" has fractions, which nobody wants.
        numbers_.push_back(static_cast<double>(ParseUint(word).value_or(0)));
      }
      SetNumbers(keyword);
      SetProcedures(keyword);
    }
    return {};
  }

 private:
  void SetNumbers(std::string_view keyword) {
    for (size_t i = 0; i < families_.size(); ++i) {
      const RpcNumber& number = spec_.numbers[i];
      if (number.keyword != keyword || numbers_.empty()) continue;
      const size_t index = number.index == kLast ? numbers_.size() - 1 : number.index;
      if (index >= numbers_.size()) continue;
      if (number.label.empty()) {
        families_[i]->Set(numbers_[index]);
      } else {
        families_[i]->Set({number.label_value}, numbers_[index]);
      }
    }
  }

  void SetProcedures(std::string_view keyword) {
    for (const Procedures& procedures : spec_.procedures) {
      if (procedures.keyword != keyword) continue;
      const size_t skip = procedures.has_count ? 1 : 0;
      for (size_t i = 0; i < procedures.names.size(); ++i) {
        const std::string_view name = procedures.names[i];
        if (name.empty() || (name == "Null" && !spec_.show_null)) continue;
        // Kernels that do not know a procedure yet have served none.
        const double count = i + skip < numbers_.size() ? numbers_[i + skip] : 0;
        requests_.Set({name, procedures.proto}, count);
      }
    }
  }

  const RpcSpec& spec_;
  ProcFile file_;
  Family& requests_;
  std::vector<Family*> families_;
  std::vector<double> numbers_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeNfs(const Machine& machine, const FlagValues&,
                                           FamilySet& out) {
  return std::make_unique<Rpc>(machine, kNfs, out);
}

Result<std::unique_ptr<Collector>> MakeNfsd(const Machine& machine, const FlagValues&,
                                            FamilySet& out) {
  return std::make_unique<Rpc>(machine, kNfsd, out);
}

}  // namespace slurmscope::agent
