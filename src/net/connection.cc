#include "connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace kist::net {
namespace {

constexpr int kReadsPerTurnMax = 8;  // then other connections have their turn
constexpr int kIovecMax = 64;
constexpr size_t kRecordBytesMax = 16 * 1024;          // of TLS, RFC 8446, 5.1
constexpr size_t kLingerBytesMax = 256 * 1024 * 1024;  // what a refused peer may go on sending

}  // namespace

Connection::Connection(SessionContext& context, LoopScratch& scratch, Accepted accepted,
                       std::function<void()> changed)
    : context_(context),
      scratch_(scratch),
      socket_(std::move(accepted.socket)),
      session_(context, std::move(changed)),
      remote_address_(std::move(accepted.remote_address)),
      phase_since_(scratch.now),
      progress_at_(scratch.now) {
  if (accepted.tls) {
    tls_.emplace(accepted.tls, socket_.get());
    handshaking_ = true;
  } else {
    session_.set_peer(std::nullopt, {}, std::move(remote_address_));
  }
}

bool Connection::idle() const {
  return !handshaking_ && !lingering_ && session_.phase() == Session::Phase::kIdle &&
         session_.requests() > 0;
}

uint32_t Connection::wanted_events() const {
  uint32_t events = 0;
  const bool reads = lingering_ || handshaking_ ||
                     (!input_ended_ && !session_.reading_paused() && !session_.closing());
  if (reads && !tls_writes_) events |= EPOLLIN;
  if (wants_write_ || tls_writes_) events |= EPOLLOUT;
  return events;
}

// Nothing goes on before the peer reads; a stream that may stand still has all the time it wants.
bool Connection::waits_for_peer() const {
  return (wants_write_ && !session_.may_stand_still()) || tls_writes_;
}

std::optional<SteadyTime> Connection::deadline() const {
  const ServerTimeouts& timeouts = context_.options.timeouts;
  if (lingering_) {
    return std::min(phase_since_ + timeouts.linger, progress_at_ + timeouts.linger_quiet);
  }
  if (handshaking_) return phase_since_ + timeouts.handshake;
  if (waits_for_peer()) return progress_at_ + timeouts.stall;
  switch (phase_) {
    case Session::Phase::kIdle: return phase_since_ + timeouts.idle;
    case Session::Phase::kHead: return phase_since_ + timeouts.head;
    case Session::Phase::kBody: return phase_since_ + timeouts.body;
    case Session::Phase::kExchange:
    case Session::Phase::kStream: return std::nullopt;
    case Session::Phase::kUpgraded: return session_.protocol_deadline();
  }
  return std::nullopt;
}

void Connection::on_deadline() {
  if (lingering_ || handshaking_) {
    done_ = true;
  } else if (waits_for_peer()) {
    ++context_.counters.cut_off;
    done_ = true;
  } else {
    session_.timed_out();
  }
}

void Connection::on_lost() {
  done_ = true;  // its destruction tells the exchange
}

void Connection::on_ready(uint32_t events) {
  if (lingering_) return drain();
  const bool resumes = tls_writes_ && (events & EPOLLOUT);
  if (handshaking_) continue_handshake();
  if (((events & EPOLLIN) || resumes) && !handshaking_ && !lingering_ && !done_) read_input();
}

void Connection::continue_handshake() {
  const IoStatus status = tls_->handshake();
  tls_writes_ = status == IoStatus::kWantWrite;
  if (status == IoStatus::kWantRead || status == IoStatus::kWantWrite) return;
  if (status != IoStatus::kDone) return handshake_failed();
  handshaking_ = false;
  phase_since_ = progress_at_ = scratch_.now;
  session_.set_peer(tls_->peer(), tls_->peer_error(), std::move(remote_address_));
  tls_->forget_handshake();
}

void Connection::handshake_failed() {
  ++context_.counters.handshakes_failed;
  if (tls_->is_plain_http()) {
    static constexpr std::string_view kHint =
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    // Best effort: a person with curl should learn what is wrong.
    [[maybe_unused]] const ssize_t ignored = ::send(fd(), kHint.data(), kHint.size(), MSG_NOSIGNAL);
    handshaking_ = false;
    tls_.reset();
    return begin_linger();
  }
  done_ = true;
}

IoResult Connection::read_some() {
  if (tls_) return tls_->read(scratch_.read, sizeof scratch_.read);
  const ssize_t count = ::recv(fd(), scratch_.read, sizeof scratch_.read, 0);
  if (count > 0) return {IoStatus::kDone, static_cast<size_t>(count)};
  if (count == 0) return {IoStatus::kEnd, 0};
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {again ? IoStatus::kWantRead : IoStatus::kFailed, 0};
}

void Connection::read_input() {
  for (int i = 0; i < kReadsPerTurnMax; ++i) {
    if (input_ended_ || session_.reading_paused() || session_.closing()) return;
    const IoResult got = read_some();
    // TLS answers a KeyUpdate before it reads on. A peer that asks for more of them than it reads
    // has stalled, like one that does not read what it asked for.
    tls_writes_ = got.status == IoStatus::kWantWrite;
    if (got.status == IoStatus::kFailed) return on_lost();
    if (got.status == IoStatus::kEnd) {
      input_ended_ = true;
      session_.end_of_input();
      return;
    }
    if (got.status != IoStatus::kDone) return;
    session_.input(std::string_view(scratch_.read, got.bytes));
    track_phase();
    // A short read emptied the socket; if not, epoll tells. OpenSSL keeps nothing from us: it reads
    // one record at a time, and our buffer has room for any.
    if (got.bytes < (tls_ ? kRecordBytesMax : sizeof scratch_.read)) return;
  }
}

void Connection::settle() {
  while (!done_ && !lingering_ && !handshaking_) {
    flush();
    const size_t before = session_.output().bytes();
    session_.resume();
    if (session_.output().bytes() == before) break;
  }
  track_phase();
  if (done_ || lingering_ || handshaking_) return;
  if (session_.aborted()) {
    done_ = true;
  } else if (session_.closing() && session_.output().empty()) {
    begin_linger();
  }
}

IoResult Connection::write_some() {
  OutQueue& output = session_.output();
  if (tls_) return tls_->write(output.front(scratch_.write, sizeof scratch_.write));
  iovec parts[kIovecMax];
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = output.fill(parts);
  const ssize_t count = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
  if (count >= 0) return {IoStatus::kDone, static_cast<size_t>(count)};
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {again ? IoStatus::kWantWrite : IoStatus::kFailed, 0};
}

void Connection::flush() {
  OutQueue& output = session_.output();
  const bool was_waiting = std::exchange(wants_write_, false);
  if (!was_waiting && !tls_writes_) progress_at_ = scratch_.now;
  while (!output.empty()) {
    const IoResult wrote = write_some();
    if (wrote.status == IoStatus::kWantWrite || wrote.status == IoStatus::kWantRead) {
      wants_write_ = true;
      break;
    }
    if (wrote.status != IoStatus::kDone) {
      done_ = true;
      break;
    }
    progress_at_ = scratch_.now;
    output.consume(wrote.bytes);
  }
  session_.sent();
}

// Says goodbye and waits for the peer's: closing with unread input would make the kernel send a
// reset, which can destroy the answer before the peer has read it (RFC 9112, 9.6).
void Connection::begin_linger() {
  if (tls_) tls_->close_notify();
  lingering_ = true;
  tls_writes_ = false;
  phase_since_ = progress_at_ = scratch_.now;
  if (input_ended_ || ::shutdown(fd(), SHUT_WR) != 0) {
    done_ = true;
    return;
  }
  drain();
}

void Connection::drain() {
  for (int i = 0; i < kReadsPerTurnMax; ++i) {
    const ssize_t count = ::recv(fd(), scratch_.read, sizeof scratch_.read, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    drained_bytes_ += count > 0 ? static_cast<size_t>(count) : 0;
    progress_at_ = scratch_.now;
    if (count <= 0 || drained_bytes_ > kLingerBytesMax) {
      done_ = true;
      return;
    }
  }
}

// Restarts the clock of a phase when it, or the request it is of, changes.
void Connection::track_phase() {
  const Session::Phase phase = session_.phase();
  if (phase == phase_ && session_.requests() == phase_request_) return;
  phase_ = phase;
  phase_request_ = session_.requests();
  phase_since_ = scratch_.now;
}

void Connection::stop() {
  if (handshaking_) {
    done_ = true;
  } else if (!lingering_) {
    session_.stop();
  }
}

}  // namespace kist::net
