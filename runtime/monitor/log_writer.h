// A container's output as CRI log lines in a file of bounded size.
//
//   2026-11-25T12:58:01.123456789Z stdout F the line without its end
//
// F ends a line; P is a piece of a line longer than kLogLineMax, as containerd writes them. A line
// without an end waits for it, or for end(). When the file would grow beyond bytes_max it is
// renamed to PATH.YYYYMMDD-HHMMSS (the kubelet's form) and a new one begun; the oldest files go.
//
// Threads: one. Errors: a disk that is full must not stop a container, so append() drops what could
// not be written, counts it, and tries again with the next bytes.
// Source: design of the CRI log format, kubernetes/design-proposals-archive,
// kubelet-cri-logging.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kist/base/clock.h"
#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/container_log.h"

namespace kist::runtime {

inline constexpr size_t kLogLineMax = 16 * 1024;  // bytes of one entry's text

enum class LogStream : uint8_t { kStdout, kStderr };

class LogWriter {
 public:
  // Appends to what is there. `clock` outlives the writer.
  static Result<LogWriter> open(LogOptions options, const Clock& clock);
  LogWriter(LogWriter&&) = default;
  LogWriter& operator=(LogWriter&&) = default;

  void append(LogStream stream, std::string_view bytes);
  void end(LogStream stream);  // the stream is at its end: what waits for a line end is a line
  Result<> reopen();           // somebody else renamed the file away

  uint64_t dropped_bytes() const { return dropped_bytes_; }  // of formatted lines, since open()
  // What a successor needs beside the options: unfinished lines. For the monitor's own
  // re-execution.
  const std::string& unfinished(LogStream stream) const { return tail(stream); }
  void restore(LogStream stream, std::string unfinished) { tail(stream) = std::move(unfinished); }

 private:
  LogWriter(LogOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(&clock) {}

  std::string& tail(LogStream stream) { return tails_[static_cast<size_t>(stream)]; }
  const std::string& tail(LogStream stream) const { return tails_[static_cast<size_t>(stream)]; }
  void write_out(std::string_view lines);
  Result<> rotate();
  void remove_oldest();

  LogOptions options_;
  const Clock* clock_;
  Fd file_;
  int64_t size_ = 0;
  uint64_t dropped_bytes_ = 0;
  std::string rotated_base_;  // the last name a file was rotated to, without its number
  int rotated_number_ = 0;
  std::string tails_[2];  // at most kLogLineMax each; empty ones own no memory
};

}  // namespace kist::runtime
