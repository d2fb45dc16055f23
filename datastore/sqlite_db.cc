#include "datastore/sqlite_db.h"

#include <utility>

namespace kist::datastore {
namespace {

constexpr int kBusyTimeoutMs = 5000;  // `kist db backup` may hold the file for a moment

Code code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return Code::kForbidden;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISUSE:
    case SQLITE_ERROR: return Code::kInternal;
    default: return Code::kUnavailable;
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(handle_, other.handle_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(handle_); }

// Binding only fails for positions that do not exist and texts of gigabytes: our bug.
Statement& Statement::bind(int position, int64_t number) {
  ENSURE(sqlite3_bind_int64(handle_, position, number) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_text(int position, std::string_view text) {
  ENSURE(sqlite3_bind_text64(handle_, position, text.data(), text.size(), SQLITE_STATIC,
                             SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_blob(int position, std::string_view bytes) {
  // A null pointer would bind NULL, not an empty blob.
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  ENSURE(sqlite3_bind_blob64(handle_, position, data, bytes.size(), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->error("", code);
}

Result<> Statement::run() {
  const StatementGuard guard(*this);
  while (TRY(step())) continue;
  return {};
}

void Statement::reset() {
  // Repeats the error of the last step, which was already reported.
  sqlite3_reset(handle_);
}

int64_t Statement::number(int column) const { return sqlite3_column_int64(handle_, column); }

std::string_view Statement::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(handle_, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<size_t>(sqlite3_column_bytes(handle_, column))};
}

std::string_view Statement::blob(int column) const {
  const void* bytes = sqlite3_column_blob(handle_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes),
          static_cast<size_t>(sqlite3_column_bytes(handle_, column))};
}

Result<std::unique_ptr<Database>> Database::open(const DatabaseOptions& options) {
  std::unique_ptr<Database> database(new Database(options.path));
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create) flags |= SQLITE_OPEN_CREATE;
  const char* vfs = options.vfs.empty() ? nullptr : options.vfs.c_str();
  const int code = sqlite3_open_v2(options.path.c_str(), &database->handle_, flags, vfs);
  if (code != SQLITE_OK) return database->error("open", code);
  sqlite3_busy_timeout(database->handle_, kBusyTimeoutMs);
  return database;
}

Database::~Database() { sqlite3_close_v2(handle_); }

Error Database::error(std::string_view context, int code) {
  const int primary = code & 0xff;
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) damaged_ = true;
  std::string message = path_;
  if (!context.empty()) message += ": " + std::string(context);
  message += ": ";
  message += handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
  message += " (sqlite " + std::to_string(code) + ")";
  return Error{code_of(code), std::move(message)};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return error("prepare", code);
  return Statement(*this, handle);
}

Result<> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error("", code);
  return {};
}

Result<int64_t> Database::number(const std::string& sql) {
  Statement statement = TRY(prepare(sql));
  if (!TRY(statement.step())) return Error{Code::kInternal, path_ + ": no row: " + sql};
  return statement.number(0);
}

Result<std::string> Database::text(const std::string& sql) {
  Statement statement = TRY(prepare(sql));
  if (!TRY(statement.step())) return Error{Code::kInternal, path_ + ": no row: " + sql};
  return std::string(statement.text(0));
}

}  // namespace kist::datastore
