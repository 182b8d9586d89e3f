#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

struct sqlite3;

namespace slurmscope::dashboards {

using base::Result;

// A value in a row or for a `?`.
using SqlValue = std::variant<std::monostate, int64_t, std::string>;
using SqlRow = std::vector<SqlValue>;

// The state of people (users, sessions, dashboards) in one SQLite file with a write-ahead journal. Thread-safe: one
// statement at a time.
class Database {
 public:
  // Makes the file (mode 0600) and brings its schema up to date. A schema newer than this program is an error.
  static Result<std::unique_ptr<Database>> Open(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs one statement with its `?` filled in, and gives all rows.
  Result<std::vector<SqlRow>> Execute(std::string_view sql, std::initializer_list<SqlValue> values = {});

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  Result<void> Migrate();

  std::mutex mutex_;
  sqlite3* db_;
};

int64_t IntOf(const SqlValue& value);                  // 0 when it is not an integer
const std::string& TextOf(const SqlValue& value);      // "" when it is not text

}  // namespace slurmscope::dashboards
