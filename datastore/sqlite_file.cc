#include "datastore/sqlite_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "datastore/sqlite_backend.h"
#include "kist/base/log.h"

namespace kist::datastore {
namespace {

constexpr int64_t kSpareBytes = 16 << 20;  // a backup leaves at least so much of the disk free

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<> sync_path(const std::string& path, int flags) {
  const Fd file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) return errno_error("sync " + path);
  return {};
}

Result<> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return errno_error("rename " + from + " to " + to);
  return {};
}

void remove_database(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((path + suffix).c_str());
}

// Files beside `path` called "<name><suffix><something>", in order of name.
std::vector<std::string> siblings(const std::string& path, const std::string& suffix) {
  const std::string start = name_of(path) + suffix;
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory_of(path), failed)) {
    const std::string name = entry.path().filename();
    const bool ours = name.starts_with(start) && name.size() > start.size() &&
                      name.find_first_not_of("0123456789", start.size()) == std::string::npos;
    if (ours) found.push_back(directory_of(path) + "/" + name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Numbers of fixed width sort as text.
std::string numbered(const std::string& path, const std::string& suffix, int64_t number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%019lld", static_cast<long long>(number));
  return path + suffix + digits;
}

void note(std::vector<std::string>& problems, std::string text) {
  if (problems.size() < kProblemsMax) problems.push_back(std::move(text));
}

Result<> find_structure_problems(Database& database, std::vector<std::string>& problems) {
  Statement check =
      TRY(database.prepare("PRAGMA quick_check(" + std::to_string(kProblemsMax) + ")"));
  while (TRY(check.step())) {
    if (check.text(0) != "ok") note(problems, std::string(check.text(0)));
  }
  return {};
}

Result<> find_entry_problems(Database& database, std::vector<std::string>& problems) {
  Statement rows = TRY(database.prepare("SELECT key,created,modified,checksum,value FROM current"));
  while (TRY(rows.step())) {
    const int64_t sum = row_checksum(rows.text(0), Revision{rows.number(1)},
                                     Revision{rows.number(2)}, rows.blob(4));
    if (sum != rows.number(3)) note(problems, "entry " + std::string(rows.text(0)) + " is damaged");
  }
  return {};
}

Result<> check_space(const std::string& path) {
  struct statvfs space {};
  if (::statvfs(directory_of(path).c_str(), &space) != 0) return errno_error("statvfs " + path);
  const auto unused = static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize);
  const int64_t wanted = file_size(path) + file_size(path + "-wal") + kSpareBytes;
  if (unused < wanted)
    return Error{Code::kUnavailable, "no backup of " + path + ": disk nearly full"};
  return {};
}

Result<> run_backup(Database& source, Database& target) {
  sqlite3_backup* backup = sqlite3_backup_init(target.handle(), "main", source.handle(), "main");
  if (backup == nullptr) return target.error("backup", sqlite3_extended_errcode(target.handle()));
  // In one go: in steps it would start over at each write of the server.
  const int code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) return source.error("backup", code);
  return {};
}

Result<Revision> write_copy(const std::string& path, const std::string& target,
                            const std::string& vfs) {
  const auto source = TRY(Database::open({.path = path, .vfs = vfs}));
  const auto copy = TRY(Database::open({.path = target, .vfs = vfs, .create = true}));
  // Synced as a whole below; until then nobody relies on it.
  TRY(copy->execute("PRAGMA synchronous=OFF"));
  TRY(run_backup(*source, *copy));
  // The copied header says WAL; a backup is one file.
  TRY(copy->execute("PRAGMA journal_mode=DELETE"));
  const std::vector<std::string> problems = TRY(find_problems(*copy));
  if (!problems.empty())
    return Error{Code::kInternal, "copy of " + path + " is damaged: " + problems.front()};
  return last_revision(*copy);
}

// The newest revision of a file that may be damaged; nothing if it cannot tell.
Revision salvage_revision(const std::string& path) {
  Result<std::unique_ptr<Database>> opened = Database::open({.path = path});
  if (!opened.ok()) return {};
  const Result<Revision> last = last_revision(*opened.value());
  return last.ok() ? last.value() : Revision{};
}

// Moves a database away, all its files; nothing is lost that a person may want to look at.
Result<std::string> keep_aside(const std::string& path) {
  std::vector<std::string> older = siblings(path, ".damaged-");
  int64_t next = 1;
  if (!older.empty()) next = std::atoll(older.back().c_str() + older.back().rfind('-') + 1) + 1;
  const std::string aside = numbered(path, ".damaged-", next);
  TRY(rename_file(path, aside));
  for (const char* suffix : {"-wal", "-shm"}) {
    if (file_exists(path + suffix)) TRY(rename_file(path + suffix, aside + suffix));
  }
  for (size_t i = 0; i + kAsideMax <= older.size(); ++i) remove_database(older[i]);
  return aside;
}

// Raises the revision far above all that may have been handed out, and forgets the history.
Result<> jump_ahead(const std::string& path, Revision revision) {
  const auto database = TRY(Database::open({.path = path}));
  const std::string number = std::to_string(revision.number);
  return database->execute("BEGIN IMMEDIATE; DELETE FROM history; UPDATE meta SET value=" + number +
                           "; COMMIT");
}

}  // namespace

Result<Fd> lock_database(const std::string& path) {
  const std::string lock_path = path + ".lock";
  Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return errno_error("open " + lock_path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return errno_error("lock " + lock_path);
  return Error{Code::kConflict, path + ": another server uses this database"};
}

Result<> sync_directory_of(const std::string& path) {
  return sync_path(directory_of(path), O_RDONLY | O_DIRECTORY);
}

bool file_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

int64_t file_size(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

Result<std::vector<std::string>> find_problems(Database& database) {
  std::vector<std::string> problems;
  for (const auto find : {find_structure_problems, find_entry_problems}) {
    Result<> looked = find(database, problems);
    if (looked.ok()) continue;
    if (!database.damaged()) return std::move(looked).error();
    note(problems, looked.error().message);
  }
  return problems;
}

Result<Revision> last_revision(Database& database) {
  return Revision{
      TRY(database.number("SELECT max((SELECT max(value) FROM meta),(SELECT "
                          "coalesce(max(revision),0) FROM history))"))};
}

Result<Revision> verify_file(const std::string& path) {
  if (!file_exists(path)) return Error{Code::kNotFound, path + ": no such file"};
  const auto database = TRY(Database::open({.path = path}));
  TRY(require_schema(*database));
  const std::vector<std::string> problems = TRY(find_problems(*database));
  if (!problems.empty()) return Error{Code::kInternal, path + ": " + problems.front()};
  return last_revision(*database);
}

std::vector<std::string> list_backups(const std::string& path) {
  std::vector<std::string> found = siblings(path, ".backup-");
  std::reverse(found.begin(), found.end());
  return found;
}

Result<Revision> copy_database(const std::string& path, const std::string& target,
                               const std::string& vfs) {
  const std::string partial = target + ".partial";
  remove_database(partial);
  Result<Revision> written = write_copy(path, partial, vfs);
  if (written.ok()) {
    Result<> placed = sync_path(partial, O_RDONLY);
    if (placed.ok()) placed = rename_file(partial, target);
    if (placed.ok()) placed = sync_directory_of(target);
    if (!placed.ok()) written = std::move(placed).error();
  }
  if (!written.ok()) remove_database(partial);
  return written;
}

Result<std::string> make_backup(const std::string& path, int keep, const std::string& vfs) {
  TRY(check_space(path));
  const std::string fresh = path + ".backup-new";
  const Revision revision = TRY(copy_database(path, fresh, vfs));
  const std::string name = numbered(path, ".backup-", revision.number);
  TRY(rename_file(fresh, name));
  TRY(sync_directory_of(name));
  const std::vector<std::string> all = list_backups(path);
  for (size_t i = static_cast<size_t>(std::max(keep, 1)); i < all.size(); ++i)
    remove_database(all[i]);
  return name;
}

Result<> finish_restore(const std::string& path) {
  const std::string fresh = path + ".restored";
  if (!file_exists(fresh)) return {};
  if (file_exists(path)) {
    remove_database(fresh);
    return {};
  }
  remove_database(path);
  TRY(rename_file(fresh, path));
  return sync_directory_of(path);
}

Result<Restored> restore_backup(const std::string& path, const std::string& backup) {
  Restored restored{.backup = backup, .kept_aside = {}, .revision = TRY(verify_file(backup))};
  const Revision salvaged = salvage_revision(path);
  restored.revision = std::max(restored.revision, salvaged);
  restored.revision.number += kRestoreJump;
  // Complete under another name first: whenever we die, either file is whole.
  const std::string fresh = path + ".restored";
  TRY(copy_database(backup, fresh, ""));
  TRY(jump_ahead(fresh, restored.revision));
  TRY(sync_path(fresh, O_RDONLY));
  if (file_exists(path)) restored.kept_aside = TRY(keep_aside(path));
  remove_database(path);  // a WAL without its file must not be taken for the new one's
  TRY(rename_file(fresh, path));
  TRY(sync_directory_of(path));
  // Were this file damaged too, only a backup could tell that the revision had jumped.
  const Result<std::string> made = make_backup(path, SqliteOptions{}.backups_max, "");
  if (!made.ok()) log_warn("database backup failed", {{"error", made.error().message}});
  return restored;
}

}  // namespace kist::datastore
