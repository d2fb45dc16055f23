// A mutex that clang's thread-safety analysis understands (libstdc++'s own is not annotated).
//
// Each mutex says what it guards: `Queue queue_ GUARDED_BY(mutex_);`. No lock is held across I/O
// or a callback.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define KIST_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define KIST_THREAD_ATTRIBUTE(x)
#endif
#define GUARDED_BY(x) KIST_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES_LOCK(...) KIST_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))

namespace kist {

class KIST_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() KIST_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() KIST_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  // Tells the analysis what it cannot see: a lambda that runs while its maker holds the mutex.
  void assert_held() const KIST_THREAD_ATTRIBUTE(assert_capability()) {}

 private:
  std::mutex mutex_;
};

class KIST_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) KIST_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() KIST_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits on a Mutex: `cond.wait(mutex)` with the mutex held, in a loop over its condition.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES_LOCK(mutex) { cond_.wait(mutex); }
  template <typename Clock, typename Duration>
  bool wait_until(Mutex& mutex, const std::chrono::time_point<Clock, Duration>& deadline)
      REQUIRES_LOCK(mutex) {
    return cond_.wait_until(mutex, deadline) == std::cv_status::no_timeout;
  }
  void notify_one() { cond_.notify_one(); }
  void notify_all() { cond_.notify_all(); }

 private:
  std::condition_variable_any cond_;
};

}  // namespace kist
