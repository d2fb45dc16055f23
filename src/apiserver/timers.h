// Things to do later: bookmarks and ends of watches. One thread that sleeps until the next of them.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include "kist/base/mutex.h"

namespace kist::apiserver {

// Threads: any. Tasks run one after the other on the timer thread and must not block. What is still
// waiting at the end is dropped.
class Timers {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Timers();
  ~Timers();
  void at(Time time, std::function<void()> task);
  void stop();

 private:
  void run();

  Mutex mutex_;
  CondVar wake_;
  std::multimap<Time, std::function<void()>> tasks_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace kist::apiserver
