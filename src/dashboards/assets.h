#pragma once

#include <string_view>
#include <vector>

namespace slurmscope::dashboards {

// A file of the web UI inside the binary.
struct Asset {
  std::string_view path;  // "/assets/index-abc.js"
  std::string_view data;
  bool gzipped = false;
};

// Sorted by path; empty in a build without the web UI.
const std::vector<Asset>& EmbeddedAssets();

// nullptr when there is none.
const Asset* FindAsset(std::string_view path);
// By the ending of the path; "application/octet-stream" for others.
std::string_view ContentTypeOf(std::string_view path);

}  // namespace slurmscope::dashboards
