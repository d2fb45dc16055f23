// Opening the SQLite store: the lock, the check, the fall-back to a backup.
//
// A file that is damaged is never written to: it is kept aside, and the newest sound backup takes
// its place, loudly. A file that is merely not ours or too new is left alone and refused.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "datastore/backup_keeper.h"
#include "datastore/revision_store.h"
#include "datastore/sqlite_backend.h"
#include "datastore/sqlite_file.h"
#include "kist/base/log.h"

namespace kist::datastore {
namespace {

struct Opened {
  std::unique_ptr<Database> database;
  std::string damage;  // not empty: what is wrong, and there is no database
};

Result<> check_writable(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == path.npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  // Only the last level: a mistyped path should not grow a tree.
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return errno_error("database directory " + directory);
  if (::access(directory.c_str(), W_OK | X_OK) != 0)
    return errno_error("database directory " + directory);
  if (file_exists(path) && ::access(path.c_str(), R_OK | W_OK) != 0)
    return errno_error("database " + path);
  return {};
}

Result<> prepare_database(Database& database) {
  TRY(prepare_schema(database));
  return configure_connection(database);
}

// Opens and verifies. Damage is an answer; an error is anything else.
Result<Opened> open_sound(const SqliteOptions& options) {
  Opened opened;
  opened.database = TRY(Database::open({.path = options.path, .vfs = options.vfs, .create = true}));
  const Result<> prepared = prepare_database(*opened.database);
  if (!prepared.ok() && !opened.database->damaged()) return prepared.error();
  if (!prepared.ok()) {
    opened.damage = prepared.error().message;
  } else if (const auto problems = TRY(find_problems(*opened.database)); !problems.empty()) {
    opened.damage = problems.front();
  }
  if (!opened.damage.empty()) opened.database.reset();
  return opened;
}

// Puts the newest sound backup in place. kInternal: there is none.
Result<> fall_back(const std::string& path, const std::string& damage) {
  log_error("database is damaged", {{"file", path}, {"problem", damage}});
  for (const std::string& backup : list_backups(path)) {
    const Result<Revision> sound = verify_file(backup);
    if (!sound.ok()) {
      log_error("backup is damaged as well",
                {{"file", backup}, {"problem", sound.error().message}});
      continue;
    }
    const Restored restored = TRY(restore_backup(path, backup));
    log_error("database restored from its newest sound backup; later writes are lost",
              {{"backup", backup},
               {"kept_aside", restored.kept_aside},
               {"revision", std::to_string(restored.revision.number)}});
    return {};
  }
  return Error{Code::kInternal,
               path + " is damaged (" + damage + ") and there is no sound backup beside it"};
}

Result<std::unique_ptr<Database>> open_or_restore(const SqliteOptions& options) {
  TRY(finish_restore(options.path));
  const bool lost = file_size(options.path) == 0 && !list_backups(options.path).empty();
  if (lost) TRY(fall_back(options.path, "the file is missing or empty"));
  Opened opened = TRY(open_sound(options));
  if (!opened.damage.empty()) {
    TRY(fall_back(options.path, opened.damage));
    opened = TRY(open_sound(options));
  }
  if (!opened.damage.empty())
    return Error{Code::kInternal, options.path + ": restored, yet damaged: " + opened.damage};
  // A file whose name is not on disk would be gone after a power cut.
  TRY(sync_directory_of(options.path));
  return std::move(opened.database);
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options) {
  TRY(check_writable(options.path));
  Fd lock = TRY(lock_database(options.path));
  std::unique_ptr<Database> database = TRY(open_or_restore(options));
  std::unique_ptr<Backend> backend = TRY(SqliteBackend::open(std::move(database), options));
  // Shared, because the functions that call it must be copyable.
  auto keeper = std::make_shared<BackupKeeper>(options, std::move(lock));
  RevisionStoreOptions store_options;
  store_options.window_events_max = options.window_events_max;
  store_options.window_bytes_max = options.window_bytes_max;
  store_options.lazy_flush = std::chrono::seconds(options.lazy_flush_seconds);
  store_options.committed = [keeper](int64_t writes) { keeper->committed(writes); };
  store_options.closed = [keeper] { keeper->closed(); };
  return std::unique_ptr<Store>(
      std::make_unique<RevisionStore>(std::move(backend), std::move(store_options)));
}

}  // namespace kist::datastore
