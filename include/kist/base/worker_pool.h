// A few named threads for work that may block or take long.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "kist/base/mutex.h"

namespace kist {

// Threads: post() from any. Tasks start in order. The destructor runs what is queued, then joins.
class WorkerPool {
 public:
  WorkerPool(std::string name, int threads);
  ~WorkerPool();

  void post(std::function<void()> task);

 private:
  void run();

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> tasks_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

// Names the calling thread as `ps -L` and debuggers show it (15 bytes are kept).
void name_this_thread(const std::string& name);

}  // namespace kist
