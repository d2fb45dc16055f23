// The one durable truth: a revisioned key-value store (the etcd model).
//
// It holds bytes and does not know what a Pod is; src/apiserver gives the bytes their meaning. The
// one thing it knows about a value is where its own revision goes: objects carry their
// resourceVersion inside, and it is only known once the write has its place in the order. So a
// writer hands over the value in two halves and the store puts the decimal revision between them.
//
// Threads:   any method, any thread. Writes are serialised and committed in groups; callbacks run
// on
//            the store's own thread and must neither block nor throw.
// Ownership: values are shared and immutable (Slice). A Store must outlive its Watches.
// Errors:    as listed; every method may also return kUnavailable (disk full, I/O error).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/buffer.h"
#include "kist/base/result.h"

namespace kist::datastore {

// A point in the history. Grows with each committed write; never reused, never goes back.
struct Revision {
  int64_t number = 0;  // 0: the latest, where the caller may choose
  auto operator<=>(const Revision&) const = default;
};

struct Entry {
  std::string key;  // "/registry/<group>/<resource>/<namespace>/<name>"
  Slice value;
  Revision created, modified;
};

enum class EventType : uint8_t { kCreated, kUpdated, kDeleted };

struct Event {
  EventType type = EventType::kCreated;
  Entry entry;     // of a deletion: the value that the remover gave, with the deletion's revision
  Slice previous;  // the value before; empty for kCreated
};

enum class Durability : uint8_t {
  kDurable,  // answered when on disk
  kLazy,     // answered from memory and flushed later: Leases, Events
};

struct Write {
  enum class Kind : uint8_t { kCreate, kUpdate, kRemove };
  Kind kind = Kind::kCreate;
  Durability durability = Durability::kDurable;
  std::string key;
  Revision expected;  // update, remove: must be the entry's modified revision
  std::string head;   // the value is head + decimal revision + tail; for kRemove it is the value
  std::string tail;   // that the deletion event shows
};

struct Page {
  std::vector<Entry> entries;  // in key order
  Revision revision;           // at which this is true
  bool more = false;
};

struct ListOptions {
  std::string after;  // start behind this key; empty: at the beginning
  size_t limit = 0;   // 0: all
};

struct Stat {
  int64_t entries = 0;
  int64_t value_bytes = 0;
  int64_t file_bytes = 0;  // 0 where there is no file
  int64_t wal_bytes = 0;
  Revision current, compacted;
};

// Which key changed when, without values: what outlives a restart.
struct Change {
  Revision revision;
  EventType type = EventType::kCreated;
  std::string key;
};

// One subscription. Destroying it ends it; no callback runs after the destructor returned. It may
// be destroyed in its own callback.
class Watch {
 public:
  virtual ~Watch() = default;
};

class Store {
 public:
  // kConflict: the entry's revision is not `expected`. kAlreadyExists, kNotFound: as they say.
  using Done = std::function<void(Result<Entry>)>;
  // Events in revision order, none missing, none twice. `upto`: everything up to here was
  // delivered.
  using Sink = std::function<void(std::span<const Event> events, Revision upto)>;

  virtual ~Store() = default;

  // Queues a write. `done` runs once it is committed (or, kLazy, accepted), and after every watch
  // has been given its event: who reads a watch-fed cache in `done` sees the write.
  // kTooManyRequests, when the queue is full, and kTooLarge come at once, on the caller's thread.
  virtual void submit(Write write, Done done) = 0;

  virtual Result<Entry> get(std::string_view key) = 0;                         // kNotFound
  virtual Result<Page> list(std::string_view prefix, const ListOptions&) = 0;  // at the latest

  // Every event under `prefix` above `after` (0: from now), from history first, before this call
  // returns and on its thread, then as they commit. The sink also runs without events, to say
  // `upto`. kExpired: the events are not all known any more. Values are remembered since the start
  // of the process; of the time before it, only that nothing changed, or that entries were created.
  // kExpired as well: `after` was never handed out, or names kLazy writes that a crash lost.
  virtual Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after,
                                               Sink sink) = 0;

  // What changed under `prefix` above `after`, in revision order; known across restarts. Several
  // kLazy changes of one key may show as fewer. kExpired: as for watch(). At most history_max.
  virtual Result<std::vector<Change>> changes(std::string_view prefix, Revision after) = 0;

  virtual Revision current() const = 0;         // every watch was given its events up to here
  virtual Result<> compact(Revision upto) = 0;  // forgets history, never current values
  virtual Result<Stat> stat() = 0;
};

// Waits for one write. Not for threads that must not block.
Result<Entry> submit_and_wait(Store& store, Write write);

struct SqliteOptions {
  std::string path;  // the database file, WAL and backups beside it; makes its directory
  int64_t history_max = 10'000;  // changes (without values) kept for those who ask after a restart
  size_t window_events_max = 1024;  // events (with values) kept in memory for watches that resume
  size_t window_bytes_max = 4 << 20;
  int64_t lazy_flush_seconds = 60;  // how long a kLazy write may stay in memory only
  int64_t wal_bytes_max = 4 << 20;
  int backups_max = 3;             // rotating verified backups beside the file; 0: none
  int64_t backup_writes = 50'000;  // a backup is made after so many writes, and at a clean stop
  std::string vfs;                 // SQLite VFS to use; empty: the default. For fault tests
};

// Opens, creates, migrates or, from the newest good backup, repairs the file, and says so in the
// log. kInvalid: written by a newer version of us, or not ours. kForbidden: the directory or the
// file cannot be written. kConflict: another server holds the file. kInternal: damaged, and no
// backup.
Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options);

// Everything in memory, gone at the end: tests and --ephemeral clusters.
std::unique_ptr<Store> open_memory_store();

}  // namespace kist::datastore
