#include "runtime/monitor/poller.h"

#include <sys/epoll.h>

#include <cerrno>

namespace kist::runtime {
namespace {

constexpr int kBatchMax = 64;

}  // namespace

Result<Poller> Poller::create() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return errno_error("epoll_create1");
  return Poller(std::move(epoll));
}

Result<uint64_t> Poller::watch(int descriptor, uint32_t events, Ready ready) {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.u64 = ++last_;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &wanted) != 0) {
    return errno_error("epoll_ctl");
  }
  watched_[last_] = std::make_shared<Watched>(Watched{descriptor, std::move(ready)});
  return uint64_t{last_};
}

void Poller::change(uint64_t number, uint32_t events) {
  const auto found = watched_.find(number);
  if (found == watched_.end()) return;
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.u64 = number;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second->descriptor, &wanted);
}

void Poller::forget(uint64_t number) {
  const auto found = watched_.find(number);
  if (found == watched_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second->descriptor, nullptr);
  watched_.erase(found);
}

Result<> Poller::wait(int timeout_ms) {
  epoll_event events[kBatchMax];
  const int count = ::epoll_wait(epoll_.get(), events, kBatchMax, timeout_ms);
  if (count < 0 && errno != EINTR) return errno_error("epoll_wait");
  for (int i = 0; i < count; ++i) {
    const uint64_t number = events[i].data.u64;  // epoll_event is packed: no reference into it
    const auto found = watched_.find(number);
    if (found == watched_.end()) continue;
    const std::shared_ptr<Watched> kept = found->second;  // it may forget itself
    kept->ready(events[i].events);
  }
  return {};
}

}  // namespace kist::runtime
