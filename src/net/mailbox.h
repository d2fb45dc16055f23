// How other threads reach the loop: closures in a queue and one eventfd, rung once per batch.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/mutex.h"
#include "kist/base/result.h"

namespace kist::net {

// Threads: post() from any. Everything else from the loop's thread.
class Mailbox {
 public:
  using Task = std::function<void()>;

  Result<> open();
  int fd() const { return event_.get(); }

  // The calling thread is the loop's from now on.
  void adopt_thread() { current_ = this; }
  bool on_loop_thread() const { return current_ == this; }

  // False once closed: the loop is gone, the task is dropped.
  bool post(Task task);
  std::vector<Task> take();
  // Refuses tasks from now on; returns those that came before.
  std::vector<Task> close();

 private:
  static inline thread_local const Mailbox* current_ = nullptr;

  Fd event_;
  Mutex mutex_;
  std::vector<Task> tasks_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

// Runs `call` at once on the loop's thread, by the mailbox from any other. False: the loop is gone,
// the call is dropped.
template <typename Call>
bool run_on_loop(Mailbox& mailbox, Call call) {
  if (!mailbox.on_loop_thread()) return mailbox.post(std::move(call));
  call();
  return true;
}

}  // namespace kist::net
