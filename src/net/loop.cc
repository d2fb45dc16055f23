#include "loop.h"

#include <sys/epoll.h>

#include <utility>

namespace kist::net {

void Loop::open(int epoll_fd, std::shared_ptr<Mailbox> mailbox) {
  epoll_ = epoll_fd;
  mailbox_ = std::move(mailbox);
}

void Loop::dispatch(uint64_t id, uint32_t events) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  const std::shared_ptr<const Ready> ready = found->second;
  (*ready)(events);
}

void FdWatch::start(Loop& loop, int fd, Loop::Ready ready) {
  stop();
  loop_ = &loop;
  fd_ = fd;
  id_ = loop.next_id_++;
  loop.watches_.emplace(id_, std::make_shared<const Loop::Ready>(std::move(ready)));
}

bool FdWatch::want(uint32_t events) {
  if (loop_ == nullptr || events == events_) return loop_ != nullptr;
  epoll_event event{.events = events, .data = {.u64 = id_}};
  const int operation = events == 0 ? EPOLL_CTL_DEL : events_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(loop_->epoll_, operation, fd_, &event) != 0) return false;
  events_ = events;
  return true;
}

void FdWatch::stop() {
  if (loop_ == nullptr) return;
  want(0);
  std::exchange(loop_, nullptr)->watches_.erase(id_);
}

}  // namespace kist::net
