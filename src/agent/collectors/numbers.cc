// Collectors that are nothing but numbers in files of /proc: a table each.

#include <vector>

#include "agent/collectors/collectors.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

struct Number {
  std::string_view file;  // below procfs
  size_t field;           // which of the numbers in it, from 0
  std::string_view name;
  std::string_view help;
  MetricType type;
};

constexpr Number kEntropy[] = {{"sys/kernel/random/entropy_avail", 0, "node_entropy_available_bits",
                                "Bits of available entropy.", MetricType::kGauge},
                               {"sys/kernel/random/poolsize", 0, "node_entropy_pool_size_bits",
                                "Bits of entropy pool.", MetricType::kGauge}};

// allocated, free (always 0), maximum
constexpr Number kFilefd[] = {{"sys/fs/file-nr", 0, "node_filefd_allocated",
                               "File descriptor statistics: allocated.", MetricType::kGauge},
                              {"sys/fs/file-nr", 2, "node_filefd_maximum",
                               "File descriptor statistics: maximum.", MetricType::kGauge}};

constexpr Number kKernelHung[] = {
    {"sys/kernel/hung_task_detect_count", 0, "node_kernel_hung_tasks_total",
     "Total number of tasks that have been detected as hung since the system booted.",
     MetricType::kCounter}};

class Numbers final : public Collector {
 public:
  Numbers(const Machine& machine, std::span<const Number> table, FamilySet& out) {
    for (const Number& number : table) {
      rows_.push_back({ProcFile(base::StrCat(machine.roots.procfs, "/", number.file)), number.field,
                       out.Get(number.name, number.help, number.type)});
    }
  }

  Result<void> Update() override {
    for (Row& row : rows_) {
      std::string_view text = TRY(row.file.ReadTrimmed());
      for (size_t i = 0; i < row.field; ++i) NextField(text);
      const auto value = NextUint(text);
      if (!value) return Fail(ErrorCode::kCorruption, row.file.path() + ": not a number");
      row.family.Set(static_cast<double>(*value));
    }
    return {};
  }

 private:
  struct Row {
    ProcFile file;
    size_t field;
    Family& family;
  };
  std::vector<Row> rows_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeEntropy(const Machine& machine, const FlagValues&,
                                               FamilySet& out) {
  return std::make_unique<Numbers>(machine, kEntropy, out);
}

Result<std::unique_ptr<Collector>> MakeFilefd(const Machine& machine, const FlagValues&,
                                              FamilySet& out) {
  return std::make_unique<Numbers>(machine, kFilefd, out);
}

Result<std::unique_ptr<Collector>> MakeKernelHung(const Machine& machine, const FlagValues&,
                                                  FamilySet& out) {
  return std::make_unique<Numbers>(machine, kKernelHung, out);
}

}  // namespace slurmscope::agent
