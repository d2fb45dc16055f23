// What a connection and the protocol that took it over after "101 Switching Protocols" ask of each
// other. The bytes of TLS stay the connection's business.
//
// Threads: the loop's only.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "kist/base/buffer.h"

namespace kist::net {

class Loop;
using SteadyTime = std::chrono::steady_clock::time_point;

// The connection. Outlives its Protocol.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual void send(Slice bytes) = 0;
  virtual size_t unsent_bytes() const = 0;
  // No input() while it holds, so the peer has to wait. Also none of end_of_input().
  virtual void pause_input(bool paused) = 0;
  // Closes once everything is sent; there is no input any more.
  virtual void close() = 0;
  // Closes at once.
  virtual void abort() = 0;
  virtual Loop& loop() = 0;
};

// Destroyed when the connection is gone. May call the Transport from each of its methods.
class Protocol {
 public:
  virtual ~Protocol() = default;

  // Takes all of it; the bytes are the caller's and gone after.
  virtual void input(std::string_view bytes) = 0;
  virtual void end_of_input() = 0;
  virtual void sent() = 0;  // some unsent bytes have left
  virtual void stop() = 0;  // the server ends: say goodbye and close
  virtual std::optional<SteadyTime> deadline() const { return std::nullopt; }
  virtual void on_deadline() {}
};

}  // namespace kist::net
