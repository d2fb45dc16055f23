// Opening the SQLite store.
#include "datastore/revision_store.h"
#include "datastore/sqlite_backend.h"

namespace kist::datastore {

Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options) {
  std::unique_ptr<Database> database =
      TRY(Database::open({.path = options.path, .vfs = options.vfs, .create = true}));
  TRY(prepare_schema(*database));
  TRY(configure_connection(*database));
  std::unique_ptr<Backend> backend = TRY(SqliteBackend::open(std::move(database), options));
  RevisionStoreOptions store_options;
  store_options.window_events_max = options.window_events_max;
  store_options.window_bytes_max = options.window_bytes_max;
  store_options.lazy_flush = std::chrono::seconds(options.lazy_flush_seconds);
  return std::unique_ptr<Store>(
      std::make_unique<RevisionStore>(std::move(backend), std::move(store_options)));
}

}  // namespace kist::datastore
