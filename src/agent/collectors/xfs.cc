#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;

// A number of a line of /sys/fs/xfs/DEV/stats/stats; those of one line in their order.
struct XfsNumber {
  std::string_view line;
  std::string_view name;
  std::string_view help;
};

// https://xfs.org/index.php/Runtime_Stats, by line
constexpr XfsNumber kNumbers[] = {
    {"extent_alloc", "node_xfs_extent_allocation_extents_allocated_total",
     "Number of extents allocated for a filesystem."},
    {"extent_alloc", "node_xfs_extent_allocation_blocks_allocated_total",
     "Number of blocks allocated for a filesystem."},
    {"extent_alloc", "node_xfs_extent_allocation_extents_freed_total",
     "Number of extents freed for a filesystem."},
    {"extent_alloc", "node_xfs_extent_allocation_blocks_freed_total",
     "Number of blocks freed for a filesystem."},
    {"abt", "node_xfs_allocation_btree_lookups_total",
     "Number of allocation B-tree lookups for a filesystem."},
    {"abt", "node_xfs_allocation_btree_compares_total",
     "Number of allocation B-tree compares for a filesystem."},
    {"abt", "node_xfs_allocation_btree_records_inserted_total",
     "Number of allocation B-tree records inserted for a filesystem."},
    {"abt", "node_xfs_allocation_btree_records_deleted_total",
     "Number of allocation B-tree records deleted for a filesystem."},
    {"blk_map", "node_xfs_block_mapping_reads_total",
     "Number of block map for read operations for a filesystem."},
    {"blk_map", "node_xfs_block_mapping_writes_total",
     "Number of block map for write operations for a filesystem."},
    {"blk_map", "node_xfs_block_mapping_unmaps_total",
     "Number of block unmaps (deletes) for a filesystem."},
    {"blk_map", "node_xfs_block_mapping_extent_list_insertions_total",
     "Number of extent list insertions for a filesystem."},
    {"blk_map", "node_xfs_block_mapping_extent_list_deletions_total",
     "Number of extent list deletions for a filesystem."},
    {"blk_map", "node_xfs_block_mapping_extent_list_lookups_total",
     "Number of extent list lookups for a filesystem."},
    {"blk_map", "node_xfs_block_mapping_extent_list_compares_total",
     "Number of extent list compares for a filesystem."},
    {"bmbt", "node_xfs_block_map_btree_lookups_total",
     "Number of block map B-tree lookups for a filesystem."},
    {"bmbt", "node_xfs_block_map_btree_compares_total",
     "Number of block map B-tree compares for a filesystem."},
    {"bmbt", "node_xfs_block_map_btree_records_inserted_total",
     "Number of block map B-tree records inserted for a filesystem."},
    {"bmbt", "node_xfs_block_map_btree_records_deleted_total",
     "Number of block map B-tree records deleted for a filesystem."},
    {"dir", "node_xfs_directory_operation_lookup_total",
     "Number of file name directory lookups which miss the operating systems directory name lookup "
     "cache."},
    {"dir", "node_xfs_directory_operation_create_total",
     "Number of times a new directory entry was created for a filesystem."},
    {"dir", "node_xfs_directory_operation_remove_total",
     "Number of times an existing directory entry was created for a filesystem."},
    {"dir", "node_xfs_directory_operation_getdents_total",
     "Number of times the directory getdents operation was performed for a filesystem."},
    {"ig", "node_xfs_inode_operation_attempts_total",
     "Number of times the OS looked for an XFS inode in the inode cache."},
    {"ig", "node_xfs_inode_operation_found_total",
     "Number of times the OS looked for and found an XFS inode in the inode cache."},
    {"ig", "node_xfs_inode_operation_recycled_total",
     "Number of times the OS found an XFS inode in the cache, but could not use it as it was being "
     "recycled."},
    {"ig", "node_xfs_inode_operation_missed_total",
     "Number of times the OS looked for an XFS inode in the cache, but did not find it."},
    {"ig", "node_xfs_inode_operation_duplicates_total",
     "Number of times the OS tried to add a missing XFS inode to the inode cache, but found it had "
     "already been added by another process."},
    {"ig", "node_xfs_inode_operation_reclaims_total",
     "Number of times the OS reclaimed an XFS inode from the inode cache to free memory for "
     "another purpose."},
    {"ig", "node_xfs_inode_operation_attribute_changes_total",
     "Number of times the OS explicitly changed the attributes of an XFS inode."},
    {"rw", "node_xfs_write_calls_total",
     "Number of write(2) system calls made to files in a filesystem."},
    {"rw", "node_xfs_read_calls_total",
     "Number of read(2) system calls made to files in a filesystem."},
    {"vnodes", "node_xfs_vnode_active_total",
     "Number of vnodes not on free lists for a filesystem."},
    {"vnodes", "node_xfs_vnode_allocate_total",
     "Number of times vn_alloc called for a filesystem."},
    {"vnodes", "node_xfs_vnode_get_total", "Number of times vn_get called for a filesystem."},
    {"vnodes", "node_xfs_vnode_hold_total", "Number of times vn_hold called for a filesystem."},
    {"vnodes", "node_xfs_vnode_release_total", "Number of times vn_rele called for a filesystem."},
    {"vnodes", "node_xfs_vnode_reclaim_total",
     "Number of times vn_reclaim called for a filesystem."},
    {"vnodes", "node_xfs_vnode_remove_total", "Number of times vn_remove called for a filesystem."},
};

class Xfs final : public Collector {
 public:
  Xfs(const Machine& machine, FamilySet& out) : devices_(machine.roots.sysfs + "/fs/xfs") {
    for (const XfsNumber& number : kNumbers) {
      families_.push_back(&out.Get(number.name, number.help, kCounter, {"device"}));
    }
  }

  Result<void> Update() override {
    TRY(devices_.Refresh(
        [](const std::string& path, const std::string& name) -> std::unique_ptr<ProcFile> {
          if (name == "stats") return nullptr;  // the sum of all
          return std::make_unique<ProcFile>(path + "/stats/stats");
        }));
    devices_.ForEach([&](ProcFile& file, std::string_view device) {
      auto text = file.Read();
      std::string_view rest = text.value_or(std::string_view());
      for (std::string_view line; NextLine(rest, line);) SetLine(line, device);
    });
    return {};
  }

 private:
  void SetLine(std::string_view line, std::string_view device) {
    const std::string_view keyword = NextField(line);
    for (size_t i = 0; i < families_.size(); ++i) {
      if (kNumbers[i].line != keyword) continue;
      if (const auto value = NextUint(line))
        families_[i]->Set({device}, static_cast<double>(*value));
    }
  }

  std::vector<Family*> families_;
  Devices<ProcFile> devices_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeXfs(const Machine& machine, const FlagValues&,
                                           FamilySet& out) {
  return std::make_unique<Xfs>(machine, out);
}

}  // namespace slurmscope::agent
