// Keys that want to be reconciled: fair, no duplicates, never one key twice at a time.
//
// A key added while it is being worked on is given out again after done(). Failures wait longer
// each time (5 ms doubled up to a minute), each key by itself. The queue is passive: whoever has
// threads (client::Runner) takes keys and is woken through the callback.
//
// Threads: any. Nothing here waits.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "kist/base/clock.h"
#include "kist/base/mutex.h"

namespace kist::client {

inline constexpr std::chrono::milliseconds kBackoffFirst{5};
inline constexpr std::chrono::milliseconds kBackoffMax{60'000};

class WorkQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::milliseconds;

  explicit WorkQueue(const Clock& clock, std::function<void()> wake = {})
      : clock_(clock), wake_(std::move(wake)) {}

  void add(std::string_view key);
  void add_after(const std::string& key, Duration delay);  // of several delays the shortest counts
  void retry(const std::string& key);                      // after a failure: with backoff
  void forget(const std::string& key);                     // its next failure is its first

  // The next key, which is the caller's until done(); none: nothing is due.
  std::optional<std::string> take();
  void done(const std::string& key);

  std::optional<Time> next_due() const;  // when take() may have something, if all stays as it is
  size_t size() const;                   // keys waiting, delayed ones included
  void shut_down();                      // forgets what waits and takes nothing more

 private:
  void enqueue(const std::string& key) REQUIRES_LOCK(mutex_);
  void promote_due() REQUIRES_LOCK(mutex_);

  const Clock& clock_;
  const std::function<void()> wake_;
  mutable Mutex mutex_;
  std::deque<std::string> ready_ GUARDED_BY(mutex_);
  std::unordered_set<std::string> dirty_ GUARDED_BY(mutex_);    // wants work
  std::unordered_set<std::string> working_ GUARDED_BY(mutex_);  // given out
  std::multimap<Time, std::string> delayed_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, Time> due_ GUARDED_BY(mutex_);  // of each delayed key
  std::unordered_map<std::string, int> failures_ GUARDED_BY(mutex_);
  bool shut_down_ GUARDED_BY(mutex_) = false;
};

}  // namespace kist::client
