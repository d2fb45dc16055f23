// A container's output on its way: from its pipes or terminal to its log and to who is attached.
//
// A read is bounded and the poller goes round, so a container that floods takes its turn like any
// other; its pipe fills and it waits. So it does while somebody attached does not keep up: what was
// not taken is held (one read at most) and nothing more is read until it is taken or kStallMax is
// over, after which the slow one is cut off.
//
// Threads: one. Errors: none; a stream that fails has ended.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "kist/base/clock.h"
#include "kist/base/fd.h"
#include "runtime/monitor/log_writer.h"
#include "runtime/monitor/poller.h"

namespace kist::runtime {

inline constexpr std::chrono::seconds kStallMax{30};
inline constexpr size_t kAttachedMax = 32;  // at a time, of one container

class Output {
 public:
  // All three outlive it. `stalled_outputs` counts those that wait for somebody attached, so that
  // nobody has to ask each of them.
  Output(Poller& poller, const Clock& clock, int& stalled_outputs, std::optional<LogWriter> log)
      : poller_(poller), clock_(clock), stalled_outputs_(stalled_outputs), log_(std::move(log)) {}
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // A stream to read until its end. The descriptor does not block.
  Result<> add_stream(LogStream stream, Fd source);
  // Takes descriptors over; empty ones are not wanted. kConflict: kAttachedMax are.
  Result<> attach(Fd standard_out, Fd standard_error);
  // The program has ended: reads what is left without waiting, ends lines, lets go of everyone.
  void finish();
  void cut_off_stalled();  // call it now and then while stalled()
  bool stalled() const { return stalled_; }

  LogWriter* log() { return log_ ? &*log_ : nullptr; }
  int source(LogStream stream) const { return sources_[index(stream)].fd.get(); }
  // For a successor: who is attached, as (stream, descriptor).
  template <typename Each>
  void each_attached(Each each) const {
    for (const Attached& attached : attached_) each(attached.stream, attached.sink.get());
  }
  Result<> attach_one(LogStream stream, Fd sink);

 private:
  struct Source {
    Fd fd;
    uint64_t number = 0;
  };
  struct Attached {
    LogStream stream = LogStream::kStdout;
    Fd sink;
    uint64_t number = 0;
    std::string pending;
    std::chrono::steady_clock::time_point since{};
  };

  static size_t index(LogStream stream) { return static_cast<size_t>(stream); }
  bool read_once(LogStream stream);  // false: nothing more now, or ever
  void deliver(LogStream stream, std::string_view bytes);
  void flush(Attached& attached);
  void drop(std::list<Attached>::iterator attached);
  void end(LogStream stream);
  void pause_or_resume();  // after whatever may have begun or ended a stall

  Poller& poller_;
  const Clock& clock_;
  int& stalled_outputs_;
  std::optional<LogWriter> log_;
  Source sources_[2];
  std::list<Attached> attached_;
  bool stalled_ = false;  // nothing more is read
};

}  // namespace kist::runtime
