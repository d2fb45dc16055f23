// Committed entries in one SQLite file.
//
// Tables: `current` (key, created, modified, checksum, value), `history` (revision, type, key; no
// values: old values live in memory only, which halves what a write costs the disk) and `meta`
// (reserved and compacted revision). application_id says that a file is ours, user_version which
// format it has.
//
// A write appends to the WAL and syncs it once per transaction. The WAL is reused from its start,
// not truncated (a sync on blocks already allocated takes half the time), and checkpointed after
// answers.
#pragma once

#include "datastore/backend.h"
#include "datastore/sqlite_db.h"

namespace kist::datastore {

inline constexpr int64_t kApplicationId = 0x6b697374;  // "kist"
inline constexpr int64_t kFormatVersion = 1;
inline constexpr int kPageBytes = 1024;    // small pages: a write costs whole pages (see README.md)
inline constexpr int64_t kTrimStep = 256;  // history rows deleted at a time
// A WAL that cannot be checkpointed, because another process reads on and on, may grow so far.
inline constexpr int64_t kWalOverrunMax = 16;

// Refuses files that are not ours or of another version (kInvalid), also empty ones.
Result<> require_schema(Database& database);

// Creates tables in an empty file; else as require_schema().
Result<> prepare_schema(Database& database);

// What the server's connection sets.
Result<> configure_connection(Database& database);

// Of everything in a row but itself; found wrong, the row is damaged.
int64_t row_checksum(std::string_view key, Revision created, Revision modified,
                     std::string_view value);

class SqliteBackend : public Backend {
 public:
  // `database` has its schema. Takes it over.
  static Result<std::unique_ptr<SqliteBackend>> open(std::unique_ptr<Database> database,
                                                     const SqliteOptions& options);

  Revision current() const override { return current_; }
  Revision reserved() const override { return reserved_; }
  Revision compacted() const override { return compacted_; }
  bool durable() const override { return true; }

  Result<std::optional<Entry>> find(std::string_view key) override;
  Result<> scan(const KeyRange& range, const Visitor& visit) override;
  Result<std::vector<Change>> changes(std::string_view prefix, Revision after) override;
  Result<> commit(const Batch& batch) override;
  Result<> compact(Revision upto) override;
  void tidy() override;
  Result<Stat> stat() override;
  bool damaged() const override { return database_->damaged(); }

 private:
  SqliteBackend(std::unique_ptr<Database> database, const SqliteOptions& options)
      : database_(std::move(database)), options_(options) {}

  Result<> load();
  Result<> prepare();
  Result<Entry> read_entry(Statement& row);
  template <typename Work>
  Result<> transaction(Work work);
  Result<> write_batch(const Batch& batch);
  Result<> write_history(int64_t revision, int64_t type, std::string_view key);
  Result<> write_meta(const char* name, Revision value);
  Result<int64_t> trim_history(int64_t rows);

  std::unique_ptr<Database> database_;  // before the statements: they go first
  const SqliteOptions options_;
  Revision current_, reserved_, compacted_;
  Revision written_;  // the newest revision in the file
  Revision gap_;      // revisions in (written_, gap_) were lost by a crash; recorded when writing
  int64_t history_rows_ = 0;
  int64_t wal_bytes_ = 0;

  Statement begin_, commit_, rollback_;
  Statement find_, scan_, upsert_, erase_, history_, meta_;
};

}  // namespace kist::datastore
