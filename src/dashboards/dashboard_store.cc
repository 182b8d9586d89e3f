#include "dashboards/dashboard_store.h"

#include <simdjson.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::dashboards {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr size_t kMaxUidBytes = 40;  // as in Grafana

// The end of the string literal that begins at `begin`, one past its closing quote.
size_t EndOfString(std::string_view text, size_t begin) {
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

// The end of the comment that begins at `begin`; `begin` itself when there is none.
size_t EndOfComment(std::string_view text, size_t begin) {
  std::string_view rest = text.substr(begin);
  if (rest.starts_with("//")) return std::min(text.find('\n', begin), text.size());
  if (!rest.starts_with("/*")) return begin;
  size_t end = text.find("*/", begin + 2);
  return end == std::string_view::npos ? text.size() : end + 2;
}

struct Parsed {
  std::string title;
  std::string uid;
  std::vector<std::string> tags;
  std::string json;
};

std::string StringField(const simdjson::dom::object& object, std::string_view key) {
  std::string_view value;
  return object[key].get_string().get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

Result<Parsed> ParseDashboard(std::string_view text) {
  if (text.size() > DashboardStore::kMaxBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("a dashboard may have at most ", DashboardStore::kMaxBytes / (1 << 20), " MiB"));
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string clean = StripJsonComments(text);
  if (auto error = parser.parse(clean).get(root); error != simdjson::SUCCESS) {
    return Fail(ErrorCode::kInvalidArgument, StrCat("not valid JSON: ", simdjson::error_message(error)));
  }
  simdjson::dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) {
    return Fail(ErrorCode::kInvalidArgument, "a dashboard is a JSON object");
  }
  simdjson::dom::object inner;
  if (object["dashboard"].get_object().get(inner) == simdjson::SUCCESS) object = inner;
  Parsed parsed;
  parsed.title = StringField(object, "title");
  parsed.uid = StringField(object, "uid");
  if (parsed.title.empty()) return Fail(ErrorCode::kInvalidArgument, "the dashboard has no \"title\"");
  simdjson::dom::array tags;
  if (object["tags"].get_array().get(tags) == simdjson::SUCCESS) {
    for (simdjson::dom::element tag : tags) {
      std::string_view value;
      if (tag.get_string().get(value) == simdjson::SUCCESS) parsed.tags.emplace_back(value);
    }
  }
  parsed.json = simdjson::minify(object);
  return parsed;
}

bool IsValidUid(std::string_view uid) {
  if (uid.empty() || uid.size() > kMaxUidBytes) return false;
  return std::all_of(uid.begin(), uid.end(), [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

DashboardInfo InfoOf(const SqlRow& row) {
  DashboardInfo info;
  info.uid = TextOf(row[0]);
  info.title = TextOf(row[1]);
  for (std::string_view tag : base::Split(TextOf(row[2]), '\n')) {
    if (!tag.empty()) info.tags.emplace_back(tag);
  }
  info.version = IntOf(row[3]);
  info.provisioned = IntOf(row[4]) != 0;
  return info;
}

}  // namespace

std::string StripJsonComments(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      size_t end = EndOfString(text, i);
      out += text.substr(i, end - i);
      i = end;
    } else if (size_t end = EndOfComment(text, i); end != i) {
      for (char c : text.substr(i, end - i)) out += c == '\n' ? '\n' : ' ';
      i = end;
    } else {
      if (text[i] == '}' || text[i] == ']') {
        size_t last = out.find_last_not_of(" \t\r\n");
        if (last != std::string::npos && out[last] == ',') out[last] = ' ';
      }
      out += text[i++];
    }
  }
  return out;
}

std::string SlugOf(std::string_view title) {
  std::string slug;
  for (char c : title) {
    auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte)) {
      slug += static_cast<char>(std::tolower(byte));
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "dashboard" : slug.substr(0, kMaxUidBytes);
}

Result<DashboardInfo> DashboardStore::Put(std::string_view text, bool overwrite, bool provisioned) {
  Parsed parsed = TRY(ParseDashboard(text));
  if (parsed.uid.empty()) parsed.uid = SlugOf(parsed.title);
  if (!IsValidUid(parsed.uid)) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("uid ", base::Quote(parsed.uid), ": 1 to 40 letters, digits, '-' or '_'"));
  }
  auto rows = TRY(database_.Execute("SELECT version, provisioned, json FROM dashboards WHERE uid = ?", {parsed.uid}));
  int64_t version = 1;
  if (!rows.empty()) {
    bool was_provisioned = IntOf(rows[0][1]) != 0;
    if (was_provisioned && !provisioned) {
      return Fail(ErrorCode::kPermissionDenied,
                  StrCat("dashboard ", base::Quote(parsed.uid), " is provisioned from a file: change the file"));
    }
    if (!overwrite) {
      return Fail(ErrorCode::kAlreadyExists,
                  StrCat("a dashboard with the uid ", base::Quote(parsed.uid), " exists already"));
    }
    bool unchanged = TextOf(rows[0][2]) == parsed.json && was_provisioned == provisioned;
    version = IntOf(rows[0][0]) + (unchanged ? 0 : 1);
  }
  TRY(database_.Execute("INSERT OR REPLACE INTO dashboards VALUES (?, ?, ?, ?, ?, ?, ?)",
                        {parsed.uid, parsed.title, base::Join(parsed.tags, "\n"), parsed.json, version,
                         int64_t{provisioned ? 1 : 0}, clock_.NowMs()}));
  return DashboardInfo{parsed.uid, parsed.title, parsed.tags, provisioned, version};
}

Result<DashboardInfo> DashboardStore::Save(std::string_view text, bool overwrite) {
  return Put(text, overwrite, /*provisioned=*/false);
}

Result<std::vector<DashboardInfo>> DashboardStore::List() {
  std::vector<DashboardInfo> infos;
  auto rows = TRY(database_.Execute(
      "SELECT uid, title, tags, version, provisioned FROM dashboards ORDER BY title COLLATE NOCASE, uid"));
  infos.reserve(rows.size());
  for (const SqlRow& row : rows) infos.push_back(InfoOf(row));
  return infos;
}

Result<Dashboard> DashboardStore::Get(const std::string& uid) {
  auto rows = TRY(
      database_.Execute("SELECT uid, title, tags, version, provisioned, json FROM dashboards WHERE uid = ?", {uid}));
  if (rows.empty()) return Fail(ErrorCode::kNotFound, "Dashboard not found");
  return Dashboard{InfoOf(rows[0]), TextOf(rows[0][5])};
}

Result<void> DashboardStore::Delete(const std::string& uid) {
  Dashboard dashboard = TRY(Get(uid));
  if (dashboard.info.provisioned) {
    return Fail(ErrorCode::kPermissionDenied,
                StrCat("dashboard ", base::Quote(uid), " is provisioned from a file: remove the file"));
  }
  TRY(database_.Execute("DELETE FROM dashboards WHERE uid = ?", {uid}));
  return {};
}

Result<size_t> DashboardStore::Provision(const std::string& directory) {
  std::set<std::string> uids;
  for (const std::string& name : TRY(base::ListDirectory(directory))) {
    if (!name.ends_with(".json")) continue;
    std::string path = StrCat(directory, "/", name);
    auto text = base::ReadFile(path, kMaxBytes);
    auto info = text ? Put(*text, /*overwrite=*/true, /*provisioned=*/true)
                     : Result<DashboardInfo>(Fail(std::move(text).error()));
    if (!info) {
      base::LogError("dashboard file not taken", {{"file", path}, {"error", info.error()}});
      continue;
    }
    if (!uids.insert(info->uid).second) {
      base::LogWarn("two dashboard files have the same uid: the later one counts",
                    {{"file", path}, {"uid", info->uid}});
    }
  }
  for (const DashboardInfo& info : TRY(List())) {
    if (!info.provisioned || uids.contains(info.uid)) continue;
    TRY(database_.Execute("DELETE FROM dashboards WHERE uid = ?", {info.uid}));
  }
  return uids.size();
}

}  // namespace slurmscope::dashboards
