#include <algorithm>
#include <cctype>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/scan.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

// A --collector.sysctl.include flag: `name`, or `name:field,field` which gives each number a metric
// of its own.
struct Item {
  std::string name;
  AttrFile file;
  bool info;
  std::vector<Family*> families;  // by field; empty: one family, made when the numbers are seen
};

// "fs.file-nr" -> "fs_file_nr"
std::string MetricName(std::string_view name) {
  std::string out = "node_sysctl_";
  for (const char c : name) {
    out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return out;
}

class Sysctl final : public Collector {
 public:
  Sysctl(std::string directory, FamilySet& out) : directory_(std::move(directory)), out_(out) {}

  Result<void> Add(std::string_view flag, bool info) {
    const size_t colon = flag.find(':');
    const std::string name(flag.substr(0, colon));
    if (name.empty() || name.find("..") != std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  base::StrCat("sysctl: bad name ", base::Quote(flag)));
    }
    std::string path = name;
    std::replace(path.begin(), path.end(), '.', '/');
    Item item{name, AttrFile(base::StrCat(directory_, "/", path)), info, {}};
    if (colon != std::string_view::npos) {
      const auto fields = base::Split(flag.substr(colon + 1), ',');
      for (size_t i = 0; i < fields.size(); ++i) {
        item.families.push_back(&out_.Get(base::StrCat(MetricName(name), "_", fields[i]),
                                          base::StrCat("sysctl ", name, ", field ", i),
                                          MetricType::kUnknown));
      }
    }
    items_.push_back(std::move(item));
    return {};
  }

  Result<void> Update() override {
    for (Item& item : items_) {
      const auto text = item.file.Read();
      if (!text) return Fail(ErrorCode::kIo, base::StrCat(item.file.path(), ": cannot be read"));
      values_.clear();
      std::string_view rest = *text;
      for (std::string_view word; !(word = NextField(rest)).empty();) values_.push_back(word);
      if (item.info) {
        SetInfo(item);
      } else {
        TRY(SetNumbers(item));
      }
    }
    return {};
  }

 private:
  void SetInfo(const Item& item) {
    Family& info =
        out_.Get("node_sysctl_info", "sysctl info", MetricType::kGauge, {"index", "name", "value"});
    for (size_t i = 0; i < values_.size(); ++i) {
      info.Set({base::StrCat(i), item.name, values_[i]}, 1);
    }
  }

  Result<void> SetNumbers(const Item& item) {
    if (!item.families.empty() && item.families.size() != values_.size()) {
      return Fail(ErrorCode::kInvalidArgument,
                  base::StrCat(item.file.path(), ": has ", values_.size(), " fields, not ",
                               item.families.size()));
    }
    for (size_t i = 0; i < values_.size(); ++i) {
      const auto value = base::ParseFloat(values_[i]);
      if (!value) {
        return Fail(ErrorCode::kInvalidArgument, base::StrCat(item.file.path(), ": not a number"));
      }
      if (!item.families.empty()) {
        item.families[i]->Set(*value);
      } else if (values_.size() == 1) {
        Whole(item, {}).Set(*value);
      } else {
        Whole(item, {"index"}).Set({base::StrCat(i)}, *value);
      }
    }
    return {};
  }

  Family& Whole(const Item& item, const LabelNames& labels) {
    return out_.Get(MetricName(item.name), base::StrCat("sysctl ", item.name), MetricType::kUnknown,
                    labels);
  }

  const std::string directory_;
  FamilySet& out_;
  std::vector<Item> items_;
  std::vector<std::string_view> values_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeSysctl(const Machine& machine, const FlagValues& flags,
                                              FamilySet& out) {
  auto sysctl = std::make_unique<Sysctl>(machine.roots.procfs + "/sys", out);
  for (const std::string& flag : flags.Strings("collector.sysctl.include")) {
    TRY(sysctl->Add(flag, false));
  }
  for (const std::string& flag : flags.Strings("collector.sysctl.include-info")) {
    TRY(sysctl->Add(flag, true));
  }
  return sysctl;
}

}  // namespace slurmscope::agent
