// The database as files: who may use it, whether it is sound, its backups.
//
// Names beside "<path>": "<path>-wal" and "<path>-shm" (SQLite's), "<path>.lock" (one server at a
// time), "<path>.backup-<revision>" (rotating, verified), "<path>.damaged-<n>" (kept aside).
#pragma once

#include <string>
#include <vector>

#include "datastore/sqlite_db.h"
#include "kist/base/fd.h"
#include "kist/datastore/store.h"

namespace kist::datastore {

inline constexpr size_t kProblemsMax = 100;
// Added to the revision of a backup that is restored: more than was ever written after it, so that
// no revision is handed out twice.
inline constexpr int64_t kRestoreJump = 1'000'000'000;
inline constexpr int kAsideMax = 3;  // damaged files kept; the oldest goes

// An flock(2) on "<path>.lock": goes with the process, whatever ends it. kConflict: held by
// another.
Result<Fd> lock_database(const std::string& path);

Result<> sync_directory_of(const std::string& path);
bool file_exists(const std::string& path);
int64_t file_size(const std::string& path);  // 0 if there is none

// Everything wrong with the open database; empty: sound. An error: it could not be judged.
Result<std::vector<std::string>> find_problems(Database& database);

// The newest revision that the file knows of, reserved ones included.
Result<Revision> last_revision(Database& database);

// Opens a backup or any other file, verifies it and returns its revision.
Result<Revision> verify_file(const std::string& path);

// Paths of the rotating backups, newest first.
std::vector<std::string> list_backups(const std::string& path);

// Copies `path` (also while in use) to `target`: written aside, verified, synced, renamed.
Result<Revision> copy_database(const std::string& path, const std::string& target,
                               const std::string& vfs);

// Makes the next rotating backup and removes those beyond `keep`. Refuses to fill up the disk.
Result<std::string> make_backup(const std::string& path, int keep, const std::string& vfs);

struct Restored {
  std::string backup, kept_aside;
  Revision revision;
};

// Ends a restore_backup() that a crash interrupted: completes or undoes it.
Result<> finish_restore(const std::string& path);

// Moves the file aside and puts `backup` in its place. The caller holds the lock.
Result<Restored> restore_backup(const std::string& path, const std::string& backup);

}  // namespace kist::datastore
