// One direction of a relay: from a descriptor into frames, or from frames into a descriptor.
//
// Threads: the loop's only. Both may be destroyed from their own callbacks' callers, not from
// within a callback.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kist/base/fd.h"
#include "loop.h"
#include "payload.h"

namespace kist::net {

// Reads a pipe, socket or terminal to its end, as fast as it is let.
class FdReader {
 public:
  // `bytes` gets what was read, at most kReadBytesMax a turn. `ended` runs once, after the last.
  void start(Loop& loop, Fd fd, std::function<void(Payload)> bytes, std::function<void()> ended);

  bool running() const { return static_cast<bool>(fd_); }
  void pause(bool paused);
  // The end is what can be read now, even if somebody else still holds the writing side.
  void end_when_empty();

 private:
  static constexpr size_t kReadBytesMax = 64 * 1024;
  static constexpr size_t kReadBytesMin = 4 * 1024;

  enum class Outcome : uint8_t { kBytes, kEmpty, kEnd };
  Outcome read_once();
  void on_ready();
  void end();

  Fd fd_;
  FdWatch watch_;  // after fd_: ends before it is closed
  std::function<void(Payload)> bytes_;
  std::function<void()> ended_;
  size_t guess_ = kReadBytesMin;  // of the next read's size, from the last one's
  bool paused_ = false;
  bool ends_when_empty_ = false;
};

// Writes what it is given; keeps what the descriptor does not take at once.
class FdWriter {
 public:
  // `changed` runs when queued() has fallen or the writer broke.
  void start(Loop& loop, Fd fd, std::function<void()> changed);

  bool running() const { return static_cast<bool>(fd_); }
  void write(std::string_view bytes);  // nothing when not running
  // Closes once all is written; a socket is only shut down, since its other half may go on.
  void finish();
  size_t queued() const { return queue_.size() - written_; }
  // Holds off until the socket is connected; `connected` gets 0 or the errno.
  void wait_connected(std::function<void(int error)> connected);

 private:
  void on_ready();
  bool flush();  // false: the descriptor is full or broken
  void end();

  Fd fd_;
  FdWatch watch_;
  std::function<void()> changed_;
  std::function<void(int)> connected_;
  std::string queue_;
  size_t written_ = 0;  // of queue_
  bool finishing_ = false;
};

bool set_nonblocking(int fd);

}  // namespace kist::net
