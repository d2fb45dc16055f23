// The queue of keys: a FIFO of what is due, a set of what wants work, a time-ordered map of the
// rest.
#include "kist/client/work_queue.h"

#include <algorithm>

namespace kist::client {
namespace {

constexpr int kDoublingsMax = 14;  // 5 ms doubled 14 times is above kBackoffMax

}  // namespace

void WorkQueue::add(std::string_view key) {
  {
    MutexLock lock(mutex_);
    enqueue(std::string(key));
  }
  if (wake_) wake_();
}

void WorkQueue::enqueue(const std::string& key) {
  if (shut_down_ || !dirty_.insert(key).second) return;
  if (!working_.contains(key)) ready_.push_back(key);
}

void WorkQueue::add_after(const std::string& key, Duration delay) {
  if (delay <= Duration::zero()) return add(key);
  {
    MutexLock lock(mutex_);
    if (shut_down_) return;
    const Time due = clock_.steady() + delay;
    auto [known, fresh] = due_.try_emplace(key, due);
    if (!fresh && known->second <= due) return;
    if (!fresh) {
      auto [at, end] = delayed_.equal_range(known->second);
      delayed_.erase(std::find_if(at, end, [&](const auto& entry) { return entry.second == key; }));
      known->second = due;
    }
    delayed_.emplace(due, key);
  }
  if (wake_) wake_();
}

void WorkQueue::retry(const std::string& key) {
  Duration delay;
  {
    MutexLock lock(mutex_);
    int& failures = failures_[key];
    delay = std::min(kBackoffMax, kBackoffFirst * (int64_t{1} << failures));
    failures = std::min(failures + 1, kDoublingsMax);
  }
  add_after(key, delay);
}

void WorkQueue::forget(const std::string& key) {
  MutexLock lock(mutex_);
  failures_.erase(key);
}

void WorkQueue::promote_due() {
  const Time now = clock_.steady();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    std::string key = std::move(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
    due_.erase(key);
    enqueue(key);
  }
}

std::optional<std::string> WorkQueue::take() {
  MutexLock lock(mutex_);
  promote_due();
  if (ready_.empty()) return std::nullopt;
  std::string key = std::move(ready_.front());
  ready_.pop_front();
  dirty_.erase(key);
  working_.insert(key);
  return key;
}

void WorkQueue::done(const std::string& key) {
  bool again = false;
  {
    MutexLock lock(mutex_);
    working_.erase(key);
    again = !shut_down_ && dirty_.contains(key);
    if (again) ready_.push_back(key);
  }
  if (again && wake_) wake_();
}

std::optional<WorkQueue::Time> WorkQueue::next_due() const {
  MutexLock lock(mutex_);
  if (!ready_.empty()) return clock_.steady();
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

size_t WorkQueue::size() const {
  MutexLock lock(mutex_);
  return dirty_.size() + delayed_.size();
}

void WorkQueue::shut_down() {
  MutexLock lock(mutex_);
  shut_down_ = true;
  ready_.clear();
  dirty_.clear();
  delayed_.clear();
  due_.clear();
}

}  // namespace kist::client
