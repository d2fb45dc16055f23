// epoll, with callbacks by number: what was removed while a batch of events is handled is not
// called.
//
// Threads: one. Ownership: descriptors stay the caller's, who forgets them here before closing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::runtime {

class Poller {
 public:
  using Ready = std::function<void(uint32_t events)>;

  static Result<Poller> create();
  // A number to name it by; never 0.
  Result<uint64_t> watch(int descriptor, uint32_t events, Ready ready);
  void change(uint64_t number, uint32_t events);  // 0: nothing but errors and hang-ups
  void forget(uint64_t number);                   // 0: nothing to do
  // Waits for events and handles them. -1: as long as it takes.
  Result<> wait(int timeout_ms);

 private:
  struct Watched {
    int descriptor = -1;
    Ready ready;
  };

  explicit Poller(Fd epoll) : epoll_(std::move(epoll)) {}

  Fd epoll_;
  uint64_t last_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<Watched>> watched_;
};

}  // namespace kist::runtime
