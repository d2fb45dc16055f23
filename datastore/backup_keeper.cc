#include "datastore/backup_keeper.h"

#include "datastore/sqlite_file.h"
#include "kist/base/log.h"
#include "kist/base/worker_pool.h"

namespace kist::datastore {

BackupKeeper::BackupKeeper(const SqliteOptions& options, Fd lock)
    : options_(options), lock_(std::move(lock)) {
  if (options_.backups_max <= 0) return;
  thread_ = std::jthread([this] {
    name_this_thread("store-backup");
    run();
  });
}

BackupKeeper::~BackupKeeper() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
}

void BackupKeeper::committed(int64_t writes) {
  const int64_t since = writes_.fetch_add(writes) + writes;
  const auto now = std::chrono::steady_clock::now();
  const bool due = since >= options_.backup_writes || now - last_ >= std::chrono::hours(24);
  if (!due || options_.backups_max <= 0) return;
  last_ = now;
  {
    MutexLock lock(mutex_);
    wanted_ = true;
  }
  wake_.notify_one();
}

void BackupKeeper::run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!wanted_ && !stopping_) wake_.wait(mutex_);
      if (stopping_) return;
      wanted_ = false;
    }
    backup();
  }
}

void BackupKeeper::backup() {
  writes_ = 0;
  const Result<std::string> made = make_backup(options_.path, options_.backups_max, options_.vfs);
  if (made.ok()) {
    log_debug("database backed up", {{"file", made.value()}});
  } else {
    log_warn("database backup failed", {{"error", made.error().message}});
  }
}

void BackupKeeper::closed() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (writes_ > 0 && options_.backups_max > 0) backup();
}

}  // namespace kist::datastore
