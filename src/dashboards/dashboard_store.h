#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dashboards/database.h"

namespace slurmscope::dashboards {

// Turns JSON as people write it into JSON: `//` and `/* */` comments and commas before a closing bracket go away,
// strings stay as they are. Line breaks stay, so that positions in errors are right.
std::string StripJsonComments(std::string_view text);

struct DashboardInfo {
  std::string uid;
  std::string title;
  std::vector<std::string> tags;
  bool provisioned = false;
  int64_t version = 0;
};
struct Dashboard {
  DashboardInfo info;
  std::string json;  // Grafana's dashboard model, as imported but for comments
};

// Letters, digits and dashes of a title, for URLs: "GPU Monitoring" -> "gpu-monitoring".
std::string SlugOf(std::string_view title);

// Dashboards in Grafana's JSON. Thread-safe.
class DashboardStore {
 public:
  static constexpr size_t kMaxBytes = 5 << 20;

  DashboardStore(Database& database, const base::Clock& clock) : database_(database), clock_(clock) {}

  // Reads the text (comments allowed; `{"dashboard": {...}}` is unwrapped), checks that it is a dashboard, and stores
  // it. Without a uid it gets one made of its title. Errors: kInvalidArgument with the reason, kAlreadyExists when
  // the uid is taken and `overwrite` is false, kPermissionDenied for a provisioned one.
  Result<DashboardInfo> Save(std::string_view text, bool overwrite);

  Result<std::vector<DashboardInfo>> List();  // by title
  Result<Dashboard> Get(const std::string& uid);
  Result<void> Delete(const std::string& uid);

  // Makes the provisioned dashboards those of `directory` (*.json): new and changed files are taken, those of files
  // that are gone are removed. A broken file is logged and skipped. Returns how many are there.
  Result<size_t> Provision(const std::string& directory);

 private:
  Result<DashboardInfo> Put(std::string_view text, bool overwrite, bool provisioned);

  Database& database_;
  const base::Clock& clock_;
};

}  // namespace slurmscope::dashboards
