#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/yaml.h"

namespace slurmscope::agent {

// Small JSON files that stand for the answers of the kernel in tests (flags *.fixtures), in the
// spelling of node_exporter's. A missing file is kNotFound.
base::Result<config::Node> ReadJsonFixture(const std::string& path);

// A member of an object; 0 or empty when it is not there, or is none such.
int64_t JsonInt(const config::Node& object, std::string_view key);
std::string JsonText(const config::Node& object, std::string_view key);
// A text that is base64 of bytes.
std::string JsonBytes(const config::Node& object, std::string_view key);

}  // namespace slurmscope::agent
