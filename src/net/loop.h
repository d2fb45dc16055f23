// What protocols may ask of the server's loop beyond their own connection: to watch further
// descriptors, and to be called from other threads.
//
// Threads: the loop's only, except mailbox().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "kist/base/fd.h"
#include "mailbox.h"

namespace kist::net {

class Loop {
 public:
  using Ready = std::function<void(uint32_t events)>;

  void open(int epoll_fd, std::shared_ptr<Mailbox> mailbox);
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  // Is `id`, as epoll gives it back, one of ours and not a connection's?
  static bool owns(uint64_t id) { return (id & kOurs) != 0; }
  void dispatch(uint64_t id, uint32_t events);

 private:
  friend class FdWatch;
  static constexpr uint64_t kOurs = 1ull << 63;

  int epoll_ = -1;
  std::shared_ptr<Mailbox> mailbox_;
  // Counted up, so that a late event never meets a stranger. Shared, so that a callback may end its
  // own watch.
  uint64_t next_id_ = kOurs;
  std::unordered_map<uint64_t, std::shared_ptr<const Ready>> watches_;
};

// Waits for one descriptor, which it does not own and which must be closed after it. Wanting
// nothing takes the descriptor out of the epoll: it would report a hang-up on and on.
class FdWatch {
 public:
  FdWatch() = default;
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;
  ~FdWatch() { stop(); }

  void start(Loop& loop, int fd, Loop::Ready ready);
  // EPOLLIN, EPOLLOUT or nothing. False: the descriptor cannot be waited for (a regular file).
  bool want(uint32_t events);
  void stop();

 private:
  Loop* loop_ = nullptr;
  int fd_ = -1;
  uint64_t id_ = 0;
  uint32_t events_ = 0;
};

}  // namespace kist::net
