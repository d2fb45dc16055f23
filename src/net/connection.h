// One accepted socket: carries the bytes of a Session, plain or through TLS, and knows what it
// waits for (readiness) and until when (deadline). It never closes itself: the loop does, when
// done().
//
// Threads: the loop's only.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "kist/base/fd.h"
#include "session.h"
#include "tls.h"

namespace kist::net {

// Buffers and the time, of the loop; no connection keeps one of its own.
struct LoopScratch {
  static constexpr size_t kReadMax = 64 * 1024;
  static constexpr size_t kWriteMax = 16 * 1024;  // one TLS record
  char read[kReadMax];
  char write[kWriteMax];
  SteadyTime now;
};

class Connection {
 public:
  struct Accepted {
    Fd socket;
    std::string remote_address;
    SSL_CTX* tls = nullptr;  // null: plain
  };

  Connection(SessionContext& context, LoopScratch& scratch, Accepted accepted,
             std::function<void()> changed);

  int fd() const { return socket_.get(); }

  void on_ready(uint32_t events);
  void on_lost();  // reset, or both directions closed
  void on_deadline();
  // Sends what is queued, resumes what waits for it, ends what is over. After each of the above and
  // whenever `changed` was called.
  void settle();
  void stop();

  bool done() const { return done_; }
  bool lingering() const { return lingering_; }
  bool idle() const;  // between requests: may be closed to make room
  uint32_t wanted_events() const;
  std::optional<SteadyTime> deadline() const;
  SteadyTime idle_since() const { return phase_since_; }

  // What the loop knows about it.
  uint32_t registered_events = 0;
  std::optional<SteadyTime> scheduled_at;
  bool dirty = false;

 private:
  bool waits_for_peer() const;
  IoResult read_some();
  IoResult write_some();
  void continue_handshake();
  void handshake_failed();
  void read_input();
  void flush();
  void begin_linger();
  void drain();
  void track_phase();

  SessionContext& context_;
  LoopScratch& scratch_;
  Fd socket_;
  std::optional<TlsStream> tls_;
  Session session_;
  std::string remote_address_;
  SteadyTime phase_since_;
  SteadyTime progress_at_;  // when the peer last took bytes, or sent some that nobody wants
  uint64_t phase_request_ = 0;
  size_t drained_bytes_ = 0;
  Session::Phase phase_ = Session::Phase::kIdle;
  bool handshaking_ = false;
  bool wants_write_ = false;  // the socket is full
  bool tls_writes_ = false;   // TLS has to send something of its own before it reads on
  bool input_ended_ = false;
  bool lingering_ = false;  // everything is said; waiting for the peer to close
  bool done_ = false;
};

}  // namespace kist::net
