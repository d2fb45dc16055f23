#include "mailbox.h"

#include <sys/eventfd.h>

namespace kist::net {

Result<> Mailbox::open() {
  event_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_) return errno_error("eventfd");
  return {};
}

bool Mailbox::post(Task task) {
  {
    MutexLock lock(mutex_);
    if (closed_) return false;
    tasks_.push_back(std::move(task));
    if (tasks_.size() > 1) return true;  // the first of the batch has rung
  }
  const uint64_t one = 1;
  // Cannot fail: the counter is reset at every take(), and one batch adds one.
  [[maybe_unused]] const ssize_t ignored = ::write(event_.get(), &one, sizeof one);
  return true;
}

std::vector<Mailbox::Task> Mailbox::take() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t ignored = ::read(event_.get(), &count, sizeof count);
  std::vector<Task> tasks;
  MutexLock lock(mutex_);
  tasks.swap(tasks_);
  return tasks;
}

std::vector<Mailbox::Task> Mailbox::close() {
  std::vector<Task> tasks;
  MutexLock lock(mutex_);
  closed_ = true;
  tasks.swap(tasks_);
  return tasks;
}

}  // namespace kist::net
