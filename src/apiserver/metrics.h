// What /metrics tells, under kube-apiserver's names.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "kist/base/mutex.h"

namespace kist::apiserver {

class WatchCache;

class Metrics {
 public:
  struct Request {
    std::string_view verb, group, version, resource, subresource, scope;
    int code = 0;
    bool dry_run = false;
    std::chrono::steady_clock::duration took{};
    bool long_running = false;  // a watch: its duration says nothing
  };
  void count(const Request& request);

  std::atomic<int> reads_inflight = 0, writes_inflight = 0, watches = 0;

  std::string text(const WatchCache& cache) const;

 private:
  static constexpr size_t kSeriesMax = 4096;
  static constexpr double kBuckets[] = {0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60};
  struct Duration {
    uint64_t buckets[std::size(kBuckets)] = {};
    uint64_t count = 0;
    double sum = 0;
  };

  mutable Mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> totals_ GUARDED_BY(mutex_);
  std::map<std::string, Duration, std::less<>> durations_ GUARDED_BY(mutex_);
};

}  // namespace kist::apiserver
