// Which requests still use the server: it ends when none does.
//
// A write's answer is sent from the store's thread, long after handle() returned; so stopping has to
// wait for more than its own threads. Whatever may still touch the Core holds a Token; new work
// comes only from work that is counted, so once there is none there will be none.
//
// Threads: any.
#pragma once

#include <utility>

#include "kist/base/mutex.h"

namespace kist::apiserver {

class OpenCalls {
 public:
  // One that is open until release(), or its end. Must not outlive the OpenCalls.
  class Token {
   public:
    explicit Token(OpenCalls& all) : all_(&all) { all.enter(); }
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;
    ~Token() { release(); }

    void release() {
      if (OpenCalls* all = std::exchange(all_, nullptr)) all->leave();
    }

   private:
    OpenCalls* all_;
  };

  void wait_none() {
    MutexLock lock(mutex_);
    while (open_ > 0) none_.wait(mutex_);
  }

 private:
  void enter() {
    MutexLock lock(mutex_);
    ++open_;
  }
  // Told under the mutex: whoever waits may end us as soon as it is free.
  void leave() {
    MutexLock lock(mutex_);
    if (--open_ == 0) none_.notify_all();
  }

  Mutex mutex_;
  CondVar none_;
  int open_ GUARDED_BY(mutex_) = 0;
};

}  // namespace kist::apiserver
