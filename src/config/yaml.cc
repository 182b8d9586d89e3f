#include "config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <unordered_set>

#include "base/strings.h"

namespace slurmscope::config {
namespace {

using base::ErrorCode;
using base::Quote;
using base::StrCat;

constexpr size_t kMaxDepth = 100;
constexpr size_t kMaxNodes = 4'000'000;
// What aliases may add to a document; honest files stay far below, "billion laughs" does not.
constexpr size_t kMaxAliasNodes = 100'000;
constexpr size_t kMaxAliasBytes = 16 << 20;

// Thrown through the parser, which offers no other way to stop it; does not leave this file.
struct Stop {
  YAML::Mark mark;
  std::string problem;
};

std::string Place(const std::string& file, const YAML::Mark& mark) {
  return StrCat(file, ":", mark.line + 1, ":", mark.column + 1, ": ");
}

void CountTree(const Node& node, size_t* nodes, size_t* bytes) {
  ++*nodes;
  *bytes += node.scalar.size();
  for (const Node& item : node.items) CountTree(item, nodes, bytes);
}

size_t Depth(const Node& node) {
  size_t deepest = 0;
  for (const Node& item : node.items) deepest = std::max(deepest, Depth(item));
  return deepest + 1;
}

// Builds the tree from the parser's events, so that limits hold before anything is allocated.
class Builder final : public YAML::EventHandler {
 public:
  Node TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(mark, MakeNode(mark, Node::Kind::kNull), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, Node::Kind::kList, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, Node::Kind::kMapping, anchor);
  }
  void OnMapEnd() override {
    CheckKeys(open_.back().node);
    Merge(&open_.back().node);
    Close();
  }

 private:
  struct Unfinished {
    Node node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
  };

  Node MakeNode(const YAML::Mark& mark, Node::Kind kind);
  void Open(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor);
  void Close();
  void Add(const YAML::Mark& mark, Node node, YAML::anchor_t anchor);
  void CountCopy(const YAML::Mark& mark, const Node& node);
  void CheckKeys(const Node& mapping);
  void Merge(Node* mapping);
  void MergeFrom(const Node& source, Node* mapping);

  Node root_;
  std::vector<Unfinished> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  size_t nodes_ = 0;
  size_t alias_nodes_ = 0;
  size_t alias_bytes_ = 0;
};

Node Builder::MakeNode(const YAML::Mark& mark, Node::Kind kind) {
  if (++nodes_ > kMaxNodes) throw Stop{mark, "too many values in one file"};
  Node node;
  node.kind = kind;
  node.line = mark.line + 1;
  node.column = mark.column + 1;
  return node;
}

void Builder::Open(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor) {
  if (open_.size() >= kMaxDepth) throw Stop{mark, "nested too deeply"};
  open_.push_back({MakeNode(mark, kind), anchor, mark});
}

void Builder::Close() {
  Unfinished done = std::move(open_.back());
  open_.pop_back();
  Add(done.mark, std::move(done.node), done.anchor);
}

void Builder::Add(const YAML::Mark& mark, Node node, YAML::anchor_t anchor) {
  if (anchor != 0) {
    CountCopy(mark, node);
    anchors_[anchor] = node;
  }
  if (open_.empty()) {
    root_ = std::move(node);
    return;
  }
  Node& parent = open_.back().node;
  bool is_key = parent.kind == Node::Kind::kMapping && parent.items.size() % 2 == 0;
  if (is_key && node.kind == Node::Kind::kNull) node.kind = Node::Kind::kScalar;
  if (is_key && node.kind != Node::Kind::kScalar) throw Stop{mark, "a key must be plain text"};
  parent.items.push_back(std::move(node));
}

void Builder::CountCopy(const YAML::Mark& mark, const Node& node) {
  CountTree(node, &alias_nodes_, &alias_bytes_);
  if (alias_nodes_ > kMaxAliasNodes || alias_bytes_ > kMaxAliasBytes) {
    throw Stop{mark, "aliases make this document too large"};
  }
}

void Builder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  auto it = anchors_.find(anchor);
  if (it == anchors_.end()) throw Stop{mark, "an alias of a value that is not complete"};
  CountCopy(mark, it->second);
  if (open_.size() + Depth(it->second) > kMaxDepth) throw Stop{mark, "nested too deeply"};
  Add(mark, it->second, 0);
}

void Builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       const std::string& value) {
  Node node = MakeNode(mark, Node::Kind::kScalar);
  node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
  node.scalar = value;
  bool null =
      value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL";
  if (null && !node.quoted) node.kind = Node::Kind::kNull;
  Add(mark, std::move(node), anchor);
}

void Builder::CheckKeys(const Node& mapping) {
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i + 1 < mapping.items.size(); i += 2) {
    const Node& key = mapping.items[i];
    if (seen.insert(key.scalar).second) continue;
    YAML::Mark mark;
    mark.line = key.line - 1;
    mark.column = key.column - 1;
    throw Stop{mark, StrCat("key ", Quote(key.scalar), " is already set in this mapping")};
  }
}

void Builder::Merge(Node* mapping) {
  for (size_t i = 0; i + 1 < mapping->items.size(); i += 2) {
    if (mapping->items[i].scalar != "<<" || mapping->items[i].quoted) continue;
    Node source = std::move(mapping->items[i + 1]);
    auto at = mapping->items.begin() + static_cast<std::ptrdiff_t>(i);
    mapping->items.erase(at, at + 2);
    if (source.kind != Node::Kind::kList) return MergeFrom(source, mapping);
    for (const Node& each : source.items) MergeFrom(each, mapping);
    return;
  }
}

void Builder::MergeFrom(const Node& source, Node* mapping) {
  if (source.kind != Node::Kind::kMapping) {
    YAML::Mark mark;
    mark.line = source.line - 1;
    mark.column = source.column - 1;
    throw Stop{mark, "only mappings can be merged by <<"};
  }
  std::unordered_set<std::string> present;
  for (size_t i = 0; i + 1 < mapping->items.size(); i += 2)
    present.insert(mapping->items[i].scalar);
  for (size_t i = 0; i + 1 < source.items.size(); i += 2) {
    if (present.contains(source.items[i].scalar)) continue;
    mapping->items.push_back(source.items[i]);
    mapping->items.push_back(source.items[i + 1]);
  }
}

// The parser takes some control bytes for its own marks, e.g. 0x04 for the end of the file.
bool HasControlByte(std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F) return true;
  }
  return false;
}

}  // namespace

const Node* Node::Find(std::string_view key) const {
  if (kind != Kind::kMapping) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].scalar == key) return &items[i + 1];
  }
  return nullptr;
}

Result<Node> ParseYaml(std::string_view text, const std::string& file) {
  auto fail = [&](const YAML::Mark& mark, std::string_view problem) {
    return base::Fail(ErrorCode::kInvalidArgument, StrCat(Place(file, mark), problem));
  };
  if (!base::IsValidUtf8(text)) return fail({}, "not UTF-8 text");
  if (HasControlByte(text)) return fail({}, "control characters are not allowed");
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    parser.HandleNextDocument(builder);
    Node root = builder.TakeRoot();
    Builder second;
    if (parser.HandleNextDocument(second)) {
      return base::Fail(ErrorCode::kInvalidArgument,
                        StrCat(file, ": more than one YAML document in the file"));
    }
    return root;
  } catch (const Stop& stop) {
    return fail(stop.mark, stop.problem);
  } catch (const YAML::Exception& e) {
    return fail(e.mark.is_null() ? YAML::Mark() : e.mark, e.msg);
  } catch (const std::exception& e) {
    return base::Fail(ErrorCode::kInvalidArgument, StrCat(file, ": ", std::string_view(e.what())));
  }
}

}  // namespace slurmscope::config
