// What `kist db` does with a database file, without a server.
//
// All but backup() and stat() want the file for themselves: kConflict while a server runs on it.
// Errors: kNotFound (no such file), kInvalid (not ours, or of a newer version), kInternal
// (damaged), kUnavailable (disk full, I/O error), kForbidden (may not read or write).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kist/base/result.h"
#include "kist/datastore/store.h"

namespace kist::datastore {

// The database of a data directory: "<data_dir>/db/kist.db".
std::string database_path(const std::string& data_dir);

struct CheckReport {
  Stat stat;
  std::vector<std::string> problems;  // empty: sound. At most 100
  std::vector<std::string> backups;   // that are sound, newest first
};

// Reads everything: structure, checksums, history. Damage is in the report, not an error.
Result<CheckReport> check_database(const std::string& path);

// Works while the server runs. wal_bytes is what the WAL occupies.
Result<Stat> stat_database(const std::string& path);

struct CompactReport {
  int64_t bytes_before = 0, bytes_after = 0;
};

// Forgets the history and rewrites the file without free pages. Clients that resume watches from
// before list again.
Result<CompactReport> compact_database(const std::string& path);

struct BackupReport {
  std::string path;
  int64_t bytes = 0;
  Revision revision;
};

// Copies the database, also of a running server, into one file that is verified and synced before
// it has its name. An empty `target` makes the next of the rotating backups beside the file.
Result<BackupReport> backup_database(const std::string& path, const std::string& target);

struct RestoreReport {
  std::string backup;      // what was restored
  std::string kept_aside;  // where the previous file is now; empty: there was none
  Revision revision;       // at which the restored state now stands; above all handed out before
};

// Puts a backup in the place of the database; the previous file is kept aside. An empty `backup`
// takes the newest sound one beside the file (kNotFound: none).
Result<RestoreReport> restore_database(const std::string& path, const std::string& backup);

}  // namespace kist::datastore
