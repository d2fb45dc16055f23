#include "datastore/sqlite_backend.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>

#include "kist/base/fd.h"
#include "kist/base/log.h"

namespace kist::datastore {
namespace {

constexpr int64_t kTypeGap = 3;          // in history: revisions before this one were lost
constexpr int64_t kWalFrameHeader = 24;  // SQLite file format, section 4.1
constexpr int64_t kFreePagesMax = 1024;  // kept for reuse; above, a quarter of the file is

uint32_t add_number(uint32_t sum, int64_t number) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; ++i)
    bytes[i] = static_cast<unsigned char>(static_cast<uint64_t>(number) >> (8 * i));
  return static_cast<uint32_t>(crc32(sum, bytes, sizeof bytes));
}

uint32_t add_bytes(uint32_t sum, std::string_view bytes) {
  if (bytes.empty()) return sum;  // crc32() of a null pointer starts anew
  return static_cast<uint32_t>(
      crc32_z(sum, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

// Gives the WAL its blocks before the first commit: a sync of a file that grows takes twice as long
// as one of blocks it has. Without space or permission the WAL simply grows. SQLite takes no lock
// on this file and stops reading it at the first frame that is not one, so zeros are safe behind
// it.
void preallocate_wal(const std::string& path, int64_t bytes) {
  const Fd file(::open((path + "-wal").c_str(), O_WRONLY | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return;
  // Page by page: larger writes make larger folios, and each commit would write a whole one.
  static constexpr char kZeros[4096] = {};
  for (int64_t at = info.st_size; at < bytes;) {
    const auto length = std::min<int64_t>(sizeof kZeros, bytes - at);
    const ssize_t written = ::pwrite(file.get(), kZeros, static_cast<size_t>(length), at);
    if (written <= 0) return;
    at += written;
  }
  ::fdatasync(file.get());
}

int64_t type_number(EventType type) { return static_cast<int64_t>(type); }

}  // namespace

int64_t row_checksum(std::string_view key, Revision created, Revision modified,
                     std::string_view value) {
  uint32_t sum = add_bytes(0, key);
  sum = add_number(sum, created.number);
  sum = add_number(sum, modified.number);
  return add_bytes(sum, value);
}

Result<> configure_connection(Database& database) {
  return database.execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
      "PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF");
}

Result<> require_schema(Database& database) {
  if (TRY(database.number("PRAGMA application_id")) != kApplicationId)
    return Error{Code::kInvalid, database.path() + ": not a kist database"};
  const int64_t version = TRY(database.number("PRAGMA user_version"));
  if (version == kFormatVersion) return {};
  return Error{Code::kInvalid, database.path() + ": format " + std::to_string(version) +
                                   " was written by another version of kist; this one reads " +
                                   std::to_string(kFormatVersion)};
}

Result<> prepare_schema(Database& database) {
  const bool fresh = TRY(database.number("PRAGMA application_id")) == 0 &&
                     TRY(database.number("SELECT count(*) FROM sqlite_schema")) == 0;
  if (!fresh) return require_schema(database);
  TRY(database.execute("PRAGMA page_size=" + std::to_string(kPageBytes) +
                       "; PRAGMA auto_vacuum=INCREMENTAL"));
  return database.execute(
      "BEGIN IMMEDIATE;"
      "CREATE TABLE current(key TEXT PRIMARY KEY, created INTEGER NOT NULL,"
      " modified INTEGER NOT NULL, checksum INTEGER NOT NULL, value BLOB NOT NULL);"
      "CREATE TABLE history(revision INTEGER PRIMARY KEY, type INTEGER NOT NULL,"
      " key TEXT NOT NULL);"
      "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
      "INSERT INTO meta VALUES('compacted',0),('reserved',0);"
      "PRAGMA application_id=" +
      std::to_string(kApplicationId) + ";PRAGMA user_version=" + std::to_string(kFormatVersion) +
      ";COMMIT");
}

Result<std::unique_ptr<SqliteBackend>> SqliteBackend::open(std::unique_ptr<Database> database,
                                                           const SqliteOptions& options) {
  std::unique_ptr<SqliteBackend> backend(new SqliteBackend(std::move(database), options));
  TRY(backend->load());
  TRY(backend->prepare());
  if (options.vfs.empty()) preallocate_wal(options.path, options.wal_bytes_max);
  sqlite3_wal_hook(
      backend->database_->handle(),
      [](void* self, sqlite3*, const char*, int frames) {
        static_cast<SqliteBackend*>(self)->wal_bytes_ = frames * (kPageBytes + kWalFrameHeader);
        return SQLITE_OK;
      },
      backend.get());
  return backend;
}

Result<> SqliteBackend::load() {
  compacted_.number = TRY(database_->number("SELECT value FROM meta WHERE name='compacted'"));
  reserved_.number = TRY(database_->number("SELECT value FROM meta WHERE name='reserved'"));
  written_.number = TRY(database_->number("SELECT coalesce(max(revision),0) FROM history"));
  history_rows_ = TRY(database_->number("SELECT count(*) FROM history"));
  written_ = std::max(written_, compacted_);
  current_ = std::max(written_, reserved_);
  if (current_ > written_) gap_ = current_;
  return {};
}

Result<> SqliteBackend::prepare() {
  begin_ = TRY(database_->prepare("BEGIN IMMEDIATE"));
  commit_ = TRY(database_->prepare("COMMIT"));
  rollback_ = TRY(database_->prepare("ROLLBACK"));
  find_ = TRY(
      database_->prepare("SELECT key,created,modified,checksum,value FROM current WHERE key=?1"));
  scan_ =
      TRY(database_->prepare("SELECT key,created,modified,checksum,value FROM current"
                             " WHERE key>=?1 AND key<?2 ORDER BY key"));
  upsert_ = TRY(
      database_->prepare("INSERT INTO current VALUES(?1,?2,?3,?4,?5) ON CONFLICT(key) DO UPDATE SET"
                         " created=?2,modified=?3,checksum=?4,value=?5"));
  erase_ = TRY(database_->prepare("DELETE FROM current WHERE key=?1"));
  history_ = TRY(database_->prepare("INSERT INTO history VALUES(?1,?2,?3)"));
  meta_ = TRY(database_->prepare("UPDATE meta SET value=?2 WHERE name=?1"));
  return {};
}

Result<Entry> SqliteBackend::read_entry(Statement& row) {
  const std::string_view key = row.text(0);
  const std::string_view value = row.blob(4);
  Entry entry{.key = std::string(key),
              .created = Revision{row.number(1)},
              .modified = Revision{row.number(2)}};
  if (row_checksum(key, entry.created, entry.modified, value) != row.number(3)) {
    return Error{Code::kInternal, database_->path() + ": damaged entry " + entry.key +
                                      ": restart to restore the newest backup"};
  }
  auto bytes = std::make_shared_for_overwrite<char[]>(value.size());
  std::copy(value.begin(), value.end(), bytes.get());
  const std::string_view view(bytes.get(), value.size());
  entry.value = Slice(std::move(bytes), view);
  return entry;
}

Result<std::optional<Entry>> SqliteBackend::find(std::string_view key) {
  const StatementGuard guard(find_);
  find_.bind_text(1, key);
  if (!TRY(find_.step())) return std::optional<Entry>();
  return std::optional<Entry>(TRY(read_entry(find_)));
}

Result<> SqliteBackend::scan(const KeyRange& range, const Visitor& visit) {
  const StatementGuard guard(scan_);
  // Keys are paths: no key is above a byte that UTF-8 does not have.
  const std::string end = range.end.empty() ? std::string("\xff") : range.end;
  scan_.bind_text(1, range.begin).bind_text(2, end);
  while (TRY(scan_.step())) {
    if (range.skip_begin && scan_.text(0) == range.begin) continue;
    if (!visit(TRY(read_entry(scan_)))) break;
  }
  return {};
}

Result<std::vector<Change>> SqliteBackend::changes(std::string_view prefix, Revision after) {
  const Error expired{Code::kExpired,
                      "changes since revision " + std::to_string(after.number) + " are not known"};
  if (after < compacted_) return expired;
  if (after > written_ && after < gap_) return expired;
  Statement rows = TRY(database_->prepare(
      "SELECT revision,type,key FROM history WHERE revision>=?1 ORDER BY revision"));
  rows.bind(1, after.number);
  std::vector<Change> found;
  bool first = true;
  while (TRY(rows.step())) {
    const Revision revision{rows.number(0)};
    const int64_t type = rows.number(1);
    // The first row being a gap above `after`: that revision itself was lost, unless it is the
    // newest one that was compacted away.
    if (first && type == kTypeGap && revision > after && after != compacted_) return expired;
    first = false;
    if (revision <= after || type == kTypeGap || !rows.text(2).starts_with(prefix)) continue;
    found.push_back(Change{revision, static_cast<EventType>(type), std::string(rows.text(2))});
  }
  return found;
}

template <typename Work>
Result<> SqliteBackend::transaction(Work work) {
  TRY(begin_.run());
  Result<> done = work();
  if (done.ok()) done = commit_.run();
  // Some errors have rolled back already; then there is nothing left to end.
  if (!done.ok() && sqlite3_get_autocommit(database_->handle()) == 0) {
    const Result<> undone = rollback_.run();
    if (!undone.ok()) log_error("rollback failed", {{"error", undone.error().message}});
  }
  return done;
}

Result<> SqliteBackend::write_history(int64_t revision, int64_t type, std::string_view key) {
  history_.bind(1, revision).bind(2, type).bind_text(3, key);
  return history_.run();
}

Result<> SqliteBackend::write_meta(const char* name, Revision value) {
  meta_.bind_text(1, name).bind(2, value.number);
  return meta_.run();
}

Result<> SqliteBackend::write_batch(const Batch& batch) {
  if (gap_.number != 0) TRY(write_history(gap_.number, kTypeGap, ""));
  for (const Event* event : batch.history) {
    TRY(write_history(event->entry.modified.number, type_number(event->type), event->entry.key));
  }
  for (const Event* event : batch.newest) {
    const Entry& entry = event->entry;
    if (event->type == EventType::kDeleted) {
      erase_.bind_text(1, entry.key);
      TRY(erase_.run());
      continue;
    }
    const std::string_view value = entry.value.view();
    upsert_.bind_text(1, entry.key).bind(2, entry.created.number).bind(3, entry.modified.number);
    upsert_.bind(4, row_checksum(entry.key, entry.created, entry.modified, value));
    upsert_.bind_blob(5, value);
    TRY(upsert_.run());
  }
  if (batch.reserved) TRY(write_meta("reserved", *batch.reserved));
  return {};
}

// Deletes the oldest `rows` of the history. Returns the last revision deleted.
Result<int64_t> SqliteBackend::trim_history(int64_t rows) {
  const int64_t last =
      TRY(database_->number("SELECT coalesce(max(revision),0) FROM (SELECT revision FROM history "
                            "ORDER BY revision LIMIT " +
                            std::to_string(rows) + ")"));
  TRY(database_->execute("DELETE FROM history WHERE revision<=" + std::to_string(last)));
  TRY(write_meta("compacted", Revision{last}));
  return last;
}

Result<> SqliteBackend::commit(const Batch& batch) {
  if (wal_bytes_ > kWalOverrunMax * options_.wal_bytes_max) {
    tidy();
    if (wal_bytes_ > kWalOverrunMax * options_.wal_bytes_max)
      return Error{
          Code::kUnavailable,
          database_->path() + "-wal cannot be checkpointed: does another process read it?"};
  }
  int64_t added = static_cast<int64_t>(batch.history.size()) + (gap_.number != 0 ? 1 : 0);
  Revision compacted = compacted_;
  Result<> done = transaction([&]() -> Result<> {
    TRY(write_batch(batch));
    const int64_t excess = history_rows_ + added - options_.history_max;
    if (excess >= kTrimStep) {
      compacted.number = TRY(trim_history(excess));
      added -= excess;
    }
    return {};
  });
  TRY(std::move(done));
  history_rows_ += added;
  compacted_ = compacted;
  gap_ = Revision{};
  if (!batch.history.empty()) written_ = batch.history.back()->entry.modified;
  if (batch.reserved) reserved_ = *batch.reserved;
  return {};
}

Result<> SqliteBackend::compact(Revision upto) {
  if (upto <= compacted_) return {};
  Result<> done = transaction([&]() -> Result<> {
    TRY(database_->execute("DELETE FROM history WHERE revision<=" + std::to_string(upto.number)));
    return write_meta("compacted", upto);
  });
  TRY(std::move(done));
  compacted_ = upto;
  history_rows_ = TRY(database_->number("SELECT count(*) FROM history"));
  return {};
}

// Moves the WAL into the file once it is long, and gives long-unused pages back.
void SqliteBackend::tidy() {
  if (wal_bytes_ < options_.wal_bytes_max) return;
  int frames = 0;
  int moved = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_->handle(), "main", SQLITE_CHECKPOINT_PASSIVE,
                                             &frames, &moved);
  if (code != SQLITE_OK) {
    log_warn("checkpoint failed", {{"error", database_->error("", code).message}});
    return;
  }
  if (frames != moved) return;  // a reader holds the rest; the next commit tries again
  wal_bytes_ = 0;               // the next commit starts the WAL anew and tells its real length
  const Result<int64_t> unused = database_->number("PRAGMA freelist_count");
  const Result<int64_t> pages = database_->number("PRAGMA page_count");
  if (!unused.ok() || !pages.ok() || unused.value() < kFreePagesMax ||
      unused.value() < pages.value() / 4)
    return;
  const Result<> shrunk =
      database_->execute("PRAGMA incremental_vacuum(" + std::to_string(kFreePagesMax / 2) + ")");
  if (!shrunk.ok()) log_warn("vacuum failed", {{"error", shrunk.error().message}});
}

Result<Stat> SqliteBackend::stat() {
  Statement sums =
      TRY(database_->prepare("SELECT count(*),coalesce(sum(length(value)),0)"
                             " FROM current"));
  if (!TRY(sums.step())) return Error{Code::kInternal, database_->path() + ": no row"};
  Stat stat;
  stat.entries = sums.number(0);
  stat.value_bytes = sums.number(1);
  stat.file_bytes = TRY(database_->number("PRAGMA page_count")) * kPageBytes;
  stat.wal_bytes = wal_bytes_;
  stat.compacted = compacted_;
  return stat;
}

}  // namespace kist::datastore
