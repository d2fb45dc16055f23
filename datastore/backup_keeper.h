// Makes the rotating backups: after so many writes, once a day if there were any, at a clean stop.
//
// Threads: committed() on the store's thread; its own thread copies beside the running store and
// sleeps otherwise (no timer: the day is looked at when something is written).
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "kist/base/fd.h"
#include "kist/base/mutex.h"
#include "kist/datastore/store.h"

namespace kist::datastore {

class BackupKeeper {
 public:
  // Holds the database's lock until it is destroyed.
  BackupKeeper(const SqliteOptions& options, Fd lock);
  ~BackupKeeper();

  void committed(int64_t writes);
  void closed();  // the store is closed: the last backup, if anything was written since

 private:
  void run();
  void backup();

  const SqliteOptions options_;
  const Fd lock_;
  std::atomic<int64_t> writes_{0};  // since the last backup
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();  // store's thread

  Mutex mutex_;
  CondVar wake_;
  bool wanted_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace kist::datastore
