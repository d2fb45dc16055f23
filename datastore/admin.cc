// `kist db`: the file without its server.
#include "kist/datastore/admin.h"

#include "datastore/sqlite_backend.h"
#include "datastore/sqlite_file.h"

namespace kist::datastore {
namespace {

Result<std::unique_ptr<Database>> open_existing(const std::string& path) {
  if (!file_exists(path)) return Error{Code::kNotFound, path + ": no such file"};
  auto database = TRY(Database::open({.path = path}));
  TRY(require_schema(*database));
  return database;
}

Result<Stat> read_stat(Database& database) {
  Statement sums =
      TRY(database.prepare("SELECT count(*),coalesce(sum(length(value)),0)"
                           " FROM current"));
  if (!TRY(sums.step())) return Error{Code::kInternal, database.path() + ": no row"};
  Stat stat;
  stat.entries = sums.number(0);
  stat.value_bytes = sums.number(1);
  stat.file_bytes = file_size(database.path());
  stat.wal_bytes = file_size(database.path() + "-wal");
  stat.current = TRY(last_revision(database));
  stat.compacted.number = TRY(database.number("SELECT value FROM meta WHERE name='compacted'"));
  return stat;
}

}  // namespace

std::string database_path(const std::string& data_dir) { return data_dir + "/db/kist.db"; }

Result<CheckReport> check_database(const std::string& path) {
  if (!file_exists(path)) return Error{Code::kNotFound, path + ": no such file"};
  const Fd lock = TRY(lock_database(path));
  CheckReport report;
  const auto database = TRY(Database::open({.path = path}));
  const Result<> ours = require_schema(*database);
  if (!ours.ok() && !database->damaged()) return ours.error();
  if (!ours.ok()) {
    report.problems.push_back(ours.error().message);
  } else {
    report.problems = TRY(find_problems(*database));
    Result<Stat> stat = read_stat(*database);
    if (stat.ok()) report.stat = std::move(stat).value();
  }
  for (const std::string& backup : list_backups(path)) {
    if (verify_file(backup).ok()) report.backups.push_back(backup);
  }
  return report;
}

Result<Stat> stat_database(const std::string& path) {
  const auto database = TRY(open_existing(path));
  return read_stat(*database);
}

Result<CompactReport> compact_database(const std::string& path) {
  if (!file_exists(path)) return Error{Code::kNotFound, path + ": no such file"};
  const Fd lock = TRY(lock_database(path));
  CompactReport report{.bytes_before = file_size(path) + file_size(path + "-wal")};
  const auto database = TRY(open_existing(path));
  TRY(configure_connection(*database));
  // The history's last row is what tells the newest revision; "reserved" takes its place.
  const Revision last = TRY(last_revision(*database));
  const std::string number = std::to_string(last.number);
  TRY(database->execute("BEGIN IMMEDIATE; DELETE FROM history; UPDATE meta SET value=" + number +
                        "; COMMIT; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"));
  report.bytes_after = file_size(path) + file_size(path + "-wal");
  return report;
}

Result<BackupReport> backup_database(const std::string& path, const std::string& target) {
  TRY(open_existing(path));
  BackupReport report;
  report.path = target;
  if (target.empty()) {
    report.path = TRY(make_backup(path, SqliteOptions{}.backups_max, ""));
    report.revision = TRY(verify_file(report.path));
  } else if (file_exists(target)) {
    return Error{Code::kAlreadyExists, target + ": exists"};
  } else {
    report.revision = TRY(copy_database(path, target, ""));
  }
  report.bytes = file_size(report.path);
  return report;
}

Result<RestoreReport> restore_database(const std::string& path, const std::string& backup) {
  const Fd lock = TRY(lock_database(path));
  TRY(finish_restore(path));
  std::string chosen = backup;
  for (const std::string& candidate : list_backups(path)) {
    if (!chosen.empty()) break;
    if (verify_file(candidate).ok()) chosen = candidate;
  }
  if (chosen.empty()) return Error{Code::kNotFound, path + ": no sound backup beside it"};
  Restored restored = TRY(restore_backup(path, chosen));
  return RestoreReport{
      .backup = restored.backup, .kept_aside = restored.kept_aside, .revision = restored.revision};
}

}  // namespace kist::datastore
