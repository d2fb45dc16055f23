// Runs controllers on a few shared threads.
//
// A Controller is level-triggered: a key in, the world read, one step taken, safe to repeat. An
// error puts its key back with backoff and is logged; it never touches another key or controller.
// Each controller has a queue of its own and queues take turns, so one with many keys cannot starve
// another; and none may hold all threads.
//
// Threads: start() and stop() from one thread; queue() after add(), from any.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kist/base/clock.h"
#include "kist/base/mutex.h"
#include "kist/base/result.h"
#include "kist/client/work_queue.h"

namespace kist::client {

// When to look at a key again though nothing changed; nothing set: not by itself.
struct Next {
  std::optional<std::chrono::milliseconds> after = std::nullopt;
};

class Controller {
 public:
  virtual ~Controller() = default;
  virtual const char* name() const = 0;
  virtual Result<Next> reconcile(const std::string& key) = 0;
};

class Runner {
 public:
  Runner(const Clock& clock, int threads) : clock_(clock), threads_max_(threads) {}
  ~Runner() { stop(); }

  WorkQueue& add(Controller& controller);  // before start(); the controller outlives the runner
  void start();
  void stop();  // waits for the reconciles that run
  // Nothing waits to be worked on and nothing is being worked on; delayed keys do not count.
  bool idle() const;

 private:
  struct Line {
    Controller* controller = nullptr;
    std::unique_ptr<WorkQueue> queue;
    int working = 0;
  };
  struct Job {
    Line* line = nullptr;
    std::string key;
  };

  void run();
  std::optional<Job> next_job() REQUIRES_LOCK(mutex_);
  void work(const Job& job);
  void wake();

  const Clock& clock_;
  const int threads_max_;
  std::vector<std::unique_ptr<Line>> lines_;
  mutable Mutex mutex_;
  CondVar wake_;
  size_t turn_ GUARDED_BY(mutex_) = 0;
  int working_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace kist::client
