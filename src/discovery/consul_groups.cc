#include "discovery/consul_groups.h"

#include <algorithm>

#include "base/strings.h"
#include "config/yaml.h"

namespace slurmscope::discovery {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;
using config::Node;

constexpr const char* kName = "consul's answer";

std::string Text(const Node* object, std::string_view key) {
  const Node* value = object == nullptr ? nullptr : object->Find(key);
  return value == nullptr || value->kind != Node::Kind::kScalar ? std::string() : value->scalar;
}

std::string LabelName(std::string_view text) {
  std::string name(text);
  for (char& c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter) c = '_';
  }
  return name;
}

// A label for each pair of a JSON object of texts.
void AddPairs(const Node* object, std::string_view prefix,
              std::map<std::string, std::string>* labels) {
  if (object == nullptr || object->kind != Node::Kind::kMapping) return;
  for (size_t i = 0; i + 1 < object->items.size(); i += 2)
    (*labels)[StrCat(prefix, LabelName(object->items[i].scalar))] = object->items[i + 1].scalar;
}

// Of a tagged address only the address.
void AddAddresses(const Node* object, std::map<std::string, std::string>* labels) {
  if (object == nullptr || object->kind != Node::Kind::kMapping) return;
  for (size_t i = 0; i + 1 < object->items.size(); i += 2) {
    const Node& value = object->items[i + 1];
    const std::string address =
        value.kind == Node::Kind::kScalar ? value.scalar : Text(&value, "Address");
    (*labels)[StrCat("__meta_consul_tagged_address_", LabelName(object->items[i].scalar))] =
        address;
  }
}

std::string Tags(const Node* service, std::string_view separator) {
  const Node* tags = service == nullptr ? nullptr : service->Find("Tags");
  std::string joined(separator);
  if (tags == nullptr || tags->kind != Node::Kind::kList) return joined + std::string(separator);
  std::vector<std::string> texts;
  for (const Node& tag : tags->items) texts.push_back(tag.scalar);
  return StrCat(separator, base::Join(texts, separator), separator);
}

// The worst of all checks of an instance.
std::string Health(const Node& entry) {
  const Node* checks = entry.Find("Checks");
  bool warning = false;
  bool critical = false;
  for (size_t i = 0; checks != nullptr && i < checks->items.size(); ++i) {
    const std::string id = Text(&checks->items[i], "CheckID");
    if (id == "_node_maintenance" || id.starts_with("_service_maintenance:")) return "maintenance";
    const std::string status = Text(&checks->items[i], "Status");
    critical |= status == "critical";
    warning |= status == "warning";
  }
  return critical ? "critical" : warning ? "warning" : "passing";
}

std::string HostAndPort(const std::string& host, const std::string& port) {
  const bool v6 = host.find(':') != std::string::npos;
  return StrCat(v6 ? "[" : "", host, v6 ? "]:" : ":", port);
}

config::TargetGroup InstanceGroup(const Node& entry, const std::string& service_name,
                                  const std::string& datacenter, std::string_view separator) {
  const Node* node = entry.Find("Node");
  const Node* service = entry.Find("Service");
  const std::string node_address = Text(node, "Address");
  const std::string service_address = Text(service, "Address");
  const std::string port = Text(service, "Port");
  config::TargetGroup group;
  group.targets = {HostAndPort(service_address.empty() ? node_address : service_address,
                               port.empty() ? "0" : port)};
  auto& labels = group.labels;
  labels["__meta_consul_address"] = node_address;
  labels["__meta_consul_dc"] = datacenter;
  labels["__meta_consul_health"] = Health(entry);
  labels["__meta_consul_namespace"] = Text(service, "Namespace");
  labels["__meta_consul_node"] = Text(node, "Node");
  labels["__meta_consul_partition"] = Text(service, "Partition");
  labels["__meta_consul_service"] = service_name;
  labels["__meta_consul_service_address"] = service_address;
  labels["__meta_consul_service_id"] = Text(service, "ID");
  labels["__meta_consul_service_port"] = port.empty() ? "0" : port;
  labels["__meta_consul_tags"] = Tags(service, separator);
  if (node != nullptr) {
    AddPairs(node->Find("Meta"), "__meta_consul_metadata_", &labels);
    AddAddresses(node->Find("TaggedAddresses"), &labels);
  }
  if (service != nullptr)
    AddPairs(service->Find("Meta"), "__meta_consul_service_metadata_", &labels);
  return group;
}

bool HasTags(const Node& tags, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& tag) {
    return std::any_of(tags.items.begin(), tags.items.end(),
                       [&](const Node& each) { return each.scalar == tag; });
  });
}

}  // namespace

Result<std::vector<std::string>> ConsulServices(std::string_view json,
                                                const config::ConsulSdConfig& config) {
  const Node root = TRY(config::ParseJson(json, kName));
  if (root.kind != Node::Kind::kMapping)
    return Fail(ErrorCode::kInvalidArgument, "consul's list of services is no JSON object");
  std::vector<std::string> names;
  for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
    const std::string& name = root.items[i].scalar;
    const auto& wanted = config.services;
    const bool named =
        wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
    if (named && HasTags(root.items[i + 1], config.tags)) names.push_back(name);
  }
  return names;
}

Result<std::vector<config::TargetGroup>> ConsulInstances(std::string_view json,
                                                         const std::string& service,
                                                         const std::string& datacenter,
                                                         std::string_view tag_separator) {
  const Node root = TRY(config::ParseJson(json, kName));
  if (root.kind != Node::Kind::kList)
    return Fail(ErrorCode::kInvalidArgument, "consul's list of instances is no JSON array");
  std::vector<config::TargetGroup> groups;
  for (const Node& entry : root.items) {
    groups.push_back(InstanceGroup(entry, service, datacenter, tag_separator));
    groups.back().source = StrCat(service, ":", groups.size() - 1);
  }
  return groups;
}

Result<std::string> ConsulDatacenter(std::string_view json) {
  const Node root = TRY(config::ParseJson(json, kName));
  const std::string name = Text(root.Find("Config"), "Datacenter");
  if (!name.empty()) return name;
  return Fail(ErrorCode::kInvalidArgument, "consul does not say its data center");
}

}  // namespace slurmscope::discovery
