// A map by time is the whole queue; the thread waits for its first entry or an earlier one.
#include "src/apiserver/timers.h"

#include "kist/base/worker_pool.h"

namespace kist::apiserver {

Timers::Timers() : thread_([this] { run(); }) {}

Timers::~Timers() { stop(); }

void Timers::at(Time time, std::function<void()> task) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  bool first = tasks_.empty() || time < tasks_.begin()->first;
  tasks_.emplace(time, std::move(task));
  if (first) wake_.notify_one();
}

void Timers::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Timers::run() {
  name_this_thread("api-timer");
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      while (!stopping_ &&
             (tasks_.empty() || std::chrono::steady_clock::now() < tasks_.begin()->first)) {
        if (tasks_.empty()) {
          wake_.wait(mutex_);
        } else {
          wake_.wait_until(mutex_, tasks_.begin()->first);
        }
      }
      if (stopping_) return;
      task = std::move(tasks_.begin()->second);
      tasks_.erase(tasks_.begin());
    }
    task();
  }
}

}  // namespace kist::apiserver
