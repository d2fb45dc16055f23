// SQLite's C interface, owned and with our errors.
//
// Threads: none of its own (SQLITE_OPEN_NOMUTEX); whoever owns a Database guards it.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::datastore {

class Database;

// A prepared statement. Bound values must live until the next reset().
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  Statement& bind(int position, int64_t number);
  Statement& bind_text(int position, std::string_view text);
  Statement& bind_blob(int position, std::string_view bytes);

  Result<bool> step();  // true: there is a row
  Result<> run();       // to the end, then reset
  void reset();

  int64_t number(int column) const;
  std::string_view text(int column) const;  // valid until the next step() or reset()
  std::string_view blob(int column) const;

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}

  Database* database_ = nullptr;
  sqlite3_stmt* handle_ = nullptr;
};

// Resets on every way out, so that no read transaction stays open.
class StatementGuard {
 public:
  explicit StatementGuard(Statement& statement) : statement_(statement) {}
  ~StatementGuard() { statement_.reset(); }
  StatementGuard(const StatementGuard&) = delete;
  StatementGuard& operator=(const StatementGuard&) = delete;

 private:
  Statement& statement_;
};

struct DatabaseOptions {
  std::string path;
  std::string vfs;  // empty: the default
  bool create = false;
  bool read_only = false;
};

// An open connection; statements must go before it. It does not move: statements point to it.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<Statement> prepare(std::string_view sql);
  Result<> execute(const std::string& sql);
  Result<int64_t> number(const std::string& sql);  // of the first column of the only row
  Result<std::string> text(const std::string& sql);

  // The error of the last call, and note of whether it says that the file is damaged.
  Error error(std::string_view context, int code);
  bool damaged() const { return damaged_; }
  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}

  std::string path_;
  sqlite3* handle_ = nullptr;
  bool damaged_ = false;
};

}  // namespace kist::datastore
