#include "dashboards/database.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::dashboards {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

// Schema n is reached from n-1 by kMigrations[n-1]. Only ever append.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE users (
  login TEXT PRIMARY KEY, password_hash TEXT NOT NULL, role TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;
CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY, login TEXT NOT NULL REFERENCES users(login) ON DELETE CASCADE,
  created_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL) STRICT;
CREATE TABLE dashboards (
  uid TEXT PRIMARY KEY, title TEXT NOT NULL, tags TEXT NOT NULL, json TEXT NOT NULL, version INTEGER NOT NULL,
  provisioned INTEGER NOT NULL, updated_ms INTEGER NOT NULL) STRICT;
)sql",
};
constexpr int64_t kSchemaVersion = static_cast<int64_t>(std::size(kMigrations));

using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

struct Binder {
  sqlite3_stmt* statement;
  int index;
  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(const std::string& value) const {
    return sqlite3_bind_text64(statement, index, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
};

SqlRow ReadRow(sqlite3_stmt* statement) {
  SqlRow row;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_INTEGER: row.emplace_back(int64_t{sqlite3_column_int64(statement, i)}); break;
      case SQLITE_TEXT: {
        const void* text = sqlite3_column_blob(statement, i);
        auto size = static_cast<size_t>(sqlite3_column_bytes(statement, i));
        row.emplace_back(size == 0 ? std::string() : std::string(static_cast<const char*>(text), size));
        break;
      }
      default: row.emplace_back(std::monostate{});
    }
  }
  return row;
}

tl::unexpected<base::Error> FailSql(sqlite3* db, std::string_view what) {
  int code = sqlite3_errcode(db) & 0xFF;
  ErrorCode kind = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorCode::kCorruption
                   : code == SQLITE_FULL                           ? ErrorCode::kResourceExhausted
                   : code == SQLITE_CONSTRAINT                     ? ErrorCode::kAlreadyExists
                                                                   : ErrorCode::kIo;
  return Fail(kind, StrCat(what, ": ", sqlite3_errmsg(db)));
}

}  // namespace

Result<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  // Made here, so that it is never readable by others, not even for a moment.
  TRY(base::File::Open(path, O_RDWR | O_CREAT, 0600));
  sqlite3* db = nullptr;
  int status = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(db));
  if (status != SQLITE_OK) return FailSql(db, StrCat("open ", path));
  sqlite3_busy_timeout(db, 5000);
  TRY_CONTEXT(database->Execute("PRAGMA journal_mode = WAL"), path);
  TRY_CONTEXT(database->Execute("PRAGMA foreign_keys = ON"), path);
  TRY_CONTEXT(database->Migrate(), path);
  return database;
}

Database::~Database() { sqlite3_close_v2(db_); }

Result<void> Database::Migrate() {
  auto rows = TRY(Execute("PRAGMA user_version"));
  int64_t version = rows.empty() ? 0 : IntOf(rows[0][0]);
  if (version > kSchemaVersion) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("written by a newer release (schema ", version, ", this one knows ", kSchemaVersion,
                       "): install that release again or restore a backup"));
  }
  for (; version < kSchemaVersion; ++version) {
    std::string script = StrCat("BEGIN;", kMigrations[version], "PRAGMA user_version = ", version + 1, ";COMMIT;");
    if (sqlite3_exec(db_, script.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      return FailSql(db_, StrCat("schema ", version + 1));
    }
  }
  return {};
}

Result<std::vector<SqlRow>> Database::Execute(std::string_view sql, std::initializer_list<SqlValue> values) {
  std::lock_guard lock(mutex_);
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &raw, nullptr) != SQLITE_OK) {
    return FailSql(db_, "database");
  }
  Statement statement(raw, &sqlite3_finalize);
  int index = 0;
  for (const SqlValue& value : values) {
    if (std::visit(Binder{raw, ++index}, value) != SQLITE_OK) return FailSql(db_, "database");
  }
  std::vector<SqlRow> rows;
  while (true) {
    int status = sqlite3_step(raw);
    if (status == SQLITE_DONE) return rows;
    if (status != SQLITE_ROW) return FailSql(db_, "database");
    rows.push_back(ReadRow(raw));
  }
}

int64_t IntOf(const SqlValue& value) {
  const auto* number = std::get_if<int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

const std::string& TextOf(const SqlValue& value) {
  static const std::string empty;
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? empty : *text;
}

}  // namespace slurmscope::dashboards
