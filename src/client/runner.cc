// The shared pool: its threads take the next key of the next queue that may have one more worker.
#include "kist/client/runner.h"

#include <algorithm>

#include "kist/base/log.h"
#include "kist/base/worker_pool.h"

namespace kist::client {

WorkQueue& Runner::add(Controller& controller) {
  auto line = std::make_unique<Line>();
  line->controller = &controller;
  line->queue = std::make_unique<WorkQueue>(clock_, [this] { wake(); });
  lines_.push_back(std::move(line));
  return *lines_.back()->queue;
}

void Runner::wake() {
  MutexLock lock(mutex_);
  wake_.notify_one();
}

void Runner::start() {
  for (int i = 0; i < threads_max_; ++i)
    threads_.emplace_back([this, i] {
      name_this_thread("control/" + std::to_string(i));
      run();
    });
}

void Runner::stop() {
  for (auto& line : lines_) line->queue->shut_down();
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  threads_.clear();
}

bool Runner::idle() const {
  MutexLock lock(mutex_);
  if (working_ > 0) return false;
  const auto now = clock_.steady();
  return std::none_of(lines_.begin(), lines_.end(), [&](const auto& line) {
    const auto due = line->queue->next_due();
    return due && *due <= now;
  });
}

std::optional<Runner::Job> Runner::next_job() {
  // One thread is always left for the others.
  const int working_max = std::max(1, threads_max_ - 1);
  for (size_t i = 0; i < lines_.size(); ++i) {
    Line& line = *lines_[turn_++ % lines_.size()];
    if (line.working >= working_max) continue;
    if (auto key = line.queue->take()) return Job{&line, std::move(*key)};
  }
  return std::nullopt;
}

void Runner::run() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (std::optional<Job> job = next_job()) {
      ++job->line->working;
      ++working_;
      mutex_.unlock();
      work(*job);
      mutex_.lock();
      --job->line->working;
      --working_;
      continue;
    }
    std::optional<WorkQueue::Time> due;
    for (const auto& line : lines_)
      if (auto next = line->working < std::max(1, threads_max_ - 1) ? line->queue->next_due()
                                                                    : std::nullopt)
        due = due ? std::min(*due, *next) : *next;
    if (!due) {
      wake_.wait(mutex_);
    } else {
      // The clock may be a test's; the wait is always in real time.
      wake_.wait_until(mutex_, std::chrono::steady_clock::now() + (*due - clock_.steady()));
    }
  }
}

void Runner::work(const Job& job) {
  WorkQueue& queue = *job.line->queue;
  Result<Next> result = job.line->controller->reconcile(job.key);
  if (result.ok()) {
    queue.forget(job.key);
    if (result.value().after) queue.add_after(job.key, *result.value().after);
  } else {
    // A conflict means that somebody was faster; the next pass sees what they did.
    const bool expected = result.error().code == Code::kConflict;
    if (!expected)
      log_warn("reconcile failed", {{"controller", job.line->controller->name()},
                                    {"key", job.key},
                                    {"error", result.error().message}});
    queue.retry(job.key);
  }
  queue.done(job.key);
}

}  // namespace kist::client
