// The store above its backend: one queue, one writer thread, one order.
//
// The writer takes whatever is queued, decides each write against what the ones before it will have
// done (staged), the lazy writes not yet in the file (overlay) and the backend, commits all of it
// as one transaction, tells the watches and then the writers. A group of only kLazy writes skips
// the transaction and joins the overlay, which the next transaction takes along; so what the file
// holds is always a prefix of the history, and a crash loses a tail of lazy writes or nothing.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <thread>

#include "datastore/backend.h"
#include "datastore/change_set.h"
#include "datastore/hub.h"
#include "kist/base/mutex.h"
#include "kist/datastore/store.h"

namespace kist::datastore {

inline constexpr size_t kQueueMax = 65'536;        // writes waiting for the writer
inline constexpr size_t kGroupMax = 512;           // writes of one transaction
inline constexpr size_t kGroupBytesMax = 8 << 20;  // and their values
inline constexpr size_t kKeyBytesMax = 4096;
inline constexpr size_t kValueBytesMax = 16 << 20;
inline constexpr size_t kOverlayMax = 4096;  // lazy writes only in memory
inline constexpr size_t kOverlayBytesMax = 1 << 20;
inline constexpr int64_t kReserveBlock = 1000;  // revisions reserved at a time

struct RevisionStoreOptions {
  size_t window_events_max = 1024;
  size_t window_bytes_max = 4 << 20;
  std::chrono::seconds lazy_flush{60};
  // Told after each commit how many writes it had; starts backups. Runs on the store's thread.
  std::function<void(int64_t writes)> committed;
  // Runs once at the end, when the backend is closed and everything is flushed.
  std::function<void()> closed;
};

class RevisionStore : public Store {
 public:
  RevisionStore(std::unique_ptr<Backend> backend, RevisionStoreOptions options);
  ~RevisionStore() override;  // commits what is queued, flushes, joins

  void submit(Write write, Done done) override;
  Result<Entry> get(std::string_view key) override;
  Result<Page> list(std::string_view prefix, const ListOptions& options) override;
  Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after, Sink sink) override;
  Result<std::vector<Change>> changes(std::string_view prefix, Revision after) override;
  Revision current() const override { return hub_->published(); }
  Result<> compact(Revision upto) override;
  Result<Stat> stat() override;

 private:
  struct Request {
    Write write;
    Done done;
  };
  struct Outcome {
    Done done;
    Result<Entry> result;
  };
  struct Group {
    std::vector<Event> events;  // with previous values, for the watches
    std::vector<Outcome> outcomes;
    bool durable = false;
  };

  void run();
  bool take_group(std::vector<Request>& group);
  void process(std::vector<Request> requests);
  Group plan(std::vector<Request> requests) REQUIRES_LOCK(backend_mutex_);
  Result<Entry> decide(Write& write, Group& group) REQUIRES_LOCK(backend_mutex_);
  Result<> settle(const Group& group) REQUIRES_LOCK(backend_mutex_);
  Result<> commit_all(std::optional<Revision> reserve) REQUIRES_LOCK(backend_mutex_);
  Result<std::optional<Entry>> find(std::string_view key) REQUIRES_LOCK(backend_mutex_);
  Result<std::vector<Change>> changes_locked(std::string_view prefix, Revision after)
      REQUIRES_LOCK(backend_mutex_);
  Result<std::vector<Event>> older_events(std::string_view prefix, Revision after, Revision start);
  void flush_lazy();
  void close();

  const RevisionStoreOptions options_;
  std::shared_ptr<Hub> hub_;

  Mutex queue_mutex_;
  CondVar wake_;
  std::deque<Request> queue_ GUARDED_BY(queue_mutex_);
  bool stopping_ GUARDED_BY(queue_mutex_) = false;

  // Owning the backend, which is why it is held across its I/O: a read waits for at most one
  // commit, and sees the file and the overlay of the same moment.
  Mutex backend_mutex_;
  std::unique_ptr<Backend> backend_ GUARDED_BY(backend_mutex_);
  ChangeSet overlay_ GUARDED_BY(backend_mutex_);
  ChangeSet staged_ GUARDED_BY(backend_mutex_);
  Revision applied_ GUARDED_BY(backend_mutex_);  // newest committed or accepted
  Revision handed_ GUARDED_BY(backend_mutex_);   // newest used up, also by commits that failed
  Revision reserved_ GUARDED_BY(backend_mutex_);

  // Writer thread only.
  std::optional<std::chrono::steady_clock::time_point> flush_at_;
  bool trouble_ = false;  // the last commit failed: said once, not at each write

  std::jthread writer_;  // last: starts when all else is there
};

}  // namespace kist::datastore
