// Hands committed events to watches, and remembers the newest ones for watches that resume.
//
// Threads: publish() from the store's thread only; the rest from any. A subscriber's own mutex is
// held while its sink runs: that is what lets the history go before the live events, and lets the
// destructor of a Watch promise that no callback runs any more.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/mutex.h"
#include "kist/datastore/store.h"

namespace kist::datastore {

class Hub : public std::enable_shared_from_this<Hub> {
 public:
  Hub(Revision start, size_t events_max, size_t bytes_max)
      : events_max_(events_max), bytes_max_(bytes_max), start_(start), published_(start.number) {}

  Revision published() const { return Revision{published_.load(std::memory_order_acquire)}; }
  Revision window_start() const;  // the window holds every event above this

  // Gives `events` to every watch; `upto` is the revision that they complete.
  void publish(std::span<const Event> events, Revision upto);

  // Forgets events up to `upto`.
  void forget(Revision upto);

  // `older` fetches the events in (after, start] where the window begins too late. It is called
  // with the hub locked, so that the window cannot move on meanwhile, and must not call back.
  using Older = std::function<Result<std::vector<Event>>(Revision start)>;
  Result<std::unique_ptr<Watch>> subscribe(std::string_view prefix, Revision after,
                                           Store::Sink sink, const Older& older);

 private:
  struct Subscriber;
  class Subscription;

  void unsubscribe(const std::shared_ptr<Subscriber>& subscriber);
  void trim() REQUIRES_LOCK(mutex_);

  const size_t events_max_, bytes_max_;
  mutable Mutex mutex_;
  std::deque<Event> window_ GUARDED_BY(mutex_);
  size_t window_bytes_ GUARDED_BY(mutex_) = 0;
  Revision start_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Subscriber>> subscribers_ GUARDED_BY(mutex_);
  std::atomic<int64_t> published_;
};

}  // namespace kist::datastore
