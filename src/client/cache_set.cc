// The thread behind all caches of a client: it applies events in order and opens watches again.
#include "kist/base/worker_pool.h"
#include "kist/client/cache.h"

namespace kist::client {

Cache& CacheSet::of(const ResourceId& resource, Projection projection) {
  auto& cache = caches_[resource];
  if (!cache) cache = std::make_unique<Cache>(*this, resource, projection);
  if (cache->projection_ == nullptr) cache->projection_ = projection;
  return *cache;
}

void CacheSet::start() {
  for (const auto& [resource, cache] : caches_) post([&cache = *cache] { cache.open(); });
  thread_ = std::jthread([this](std::stop_token stop) {
    name_this_thread("caches");
    run(std::move(stop));
  });
}

Result<> CacheSet::wait_synced() {
  for (const auto& [resource, cache] : caches_) TRY(cache->wait_synced());
  return {};
}

void CacheSet::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    tasks_.clear();
    delayed_.clear();
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  for (const auto& [resource, cache] : caches_) cache->stream_.reset();
}

bool CacheSet::post(Task task) {
  MutexLock lock(mutex_);
  if (stopping_) return false;
  tasks_.push_back(std::move(task));
  if (tasks_.size() == 1) wake_.notify_one();
  return true;
}

void CacheSet::post_after(std::chrono::milliseconds delay, Task task) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  delayed_.emplace(std::chrono::steady_clock::now() + delay, std::move(task));
  wake_.notify_one();
}

void CacheSet::run(std::stop_token) {
  std::vector<Task> batch;
  while (true) {
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      const Due now = std::chrono::steady_clock::now();
      while (!delayed_.empty() && delayed_.begin()->first <= now) {
        tasks_.push_back(std::move(delayed_.begin()->second));
        delayed_.erase(delayed_.begin());
      }
      if (tasks_.empty()) {
        if (delayed_.empty())
          wake_.wait(mutex_);
        else
          wake_.wait_until(mutex_, Due(delayed_.begin()->first));
        continue;
      }
      batch.swap(tasks_);
    }
    for (Task& task : batch) task();
    batch.clear();
  }
}

}  // namespace kist::client
