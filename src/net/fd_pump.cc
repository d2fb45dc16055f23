#include "fd_pump.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kist::net {
namespace {

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

bool set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

void FdReader::start(Loop& loop, Fd fd, std::function<void(Payload)> bytes,
                     std::function<void()> ended) {
  bytes_ = std::move(bytes);
  ended_ = std::move(ended);
  fd_ = std::move(fd);
  set_nonblocking(fd_.get());
  watch_.start(loop, fd_.get(), [this](uint32_t) { on_ready(); });
  if (!watch_.want(EPOLLIN)) end();
}

void FdReader::pause(bool paused) {
  if (!running() || std::exchange(paused_, paused) == paused) return;
  if (!watch_.want(paused ? 0u : uint32_t{EPOLLIN})) return end();
  if (!paused && ends_when_empty_) on_ready();
}

void FdReader::end_when_empty() {
  ends_when_empty_ = true;
  if (running() && !paused_) on_ready();
}

FdReader::Outcome FdReader::read_once() {
  Payload payload(guess_);
  const ssize_t count = ::read(fd_.get(), payload.data(), payload.capacity());
  if (count < 0 && would_block()) return Outcome::kEmpty;
  // EIO is how a terminal's master learns that the last slave is closed.
  if (count <= 0) return Outcome::kEnd;
  payload.resize(static_cast<size_t>(count));
  guess_ = std::clamp(payload.size() * 2, kReadBytesMin, kReadBytesMax);
  bytes_(std::move(payload));
  return Outcome::kBytes;
}

void FdReader::on_ready() {
  do {
    const Outcome outcome = read_once();
    if (outcome == Outcome::kEnd || (outcome == Outcome::kEmpty && ends_when_empty_)) return end();
    if (outcome == Outcome::kEmpty) return;
  } while (ends_when_empty_ && !paused_);
}

void FdReader::end() {
  watch_.stop();
  fd_.reset();
  const std::function<void()> ended = std::exchange(ended_, nullptr);
  if (ended) ended();
}

void FdWriter::start(Loop& loop, Fd fd, std::function<void()> changed) {
  changed_ = std::move(changed);
  fd_ = std::move(fd);
  set_nonblocking(fd_.get());
  watch_.start(loop, fd_.get(), [this](uint32_t) { on_ready(); });
}

void FdWriter::wait_connected(std::function<void(int error)> connected) {
  connected_ = std::move(connected);
  watch_.want(EPOLLOUT);
}

void FdWriter::write(std::string_view bytes) {
  if (!running() || finishing_) return;
  if (queued() == 0 && !connected_) {
    const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
    if (count < 0 && !would_block()) return end();
    bytes.remove_prefix(count > 0 ? static_cast<size_t>(count) : 0);
  }
  if (bytes.empty()) return;
  queue_.append(bytes);
  if (!watch_.want(EPOLLOUT)) end();
}

void FdWriter::finish() {
  finishing_ = true;
  if (running() && queued() == 0 && !connected_) end();
}

bool FdWriter::flush() {
  while (queued() > 0) {
    const ssize_t count = ::write(fd_.get(), queue_.data() + written_, queued());
    if (count < 0 && would_block()) return false;
    if (count < 0) {
      end();
      return false;
    }
    written_ += static_cast<size_t>(count);
  }
  std::string().swap(queue_);
  written_ = 0;
  return true;
}

void FdWriter::on_ready() {
  if (connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    std::exchange(connected_, nullptr)(error);
    if (!running()) return;
  }
  const size_t before = queued();
  const bool emptied = flush();
  if (emptied) watch_.want(0);
  if (emptied && finishing_) end();
  if (queued() != before && changed_) changed_();
}

// What is queued is dropped: nobody reads it any more.
void FdWriter::end() {
  watch_.stop();
  std::string().swap(queue_);
  written_ = 0;
  if (fd_) (void)::shutdown(fd_.get(), SHUT_WR);  // ENOTSOCK for a pipe: closing it does the same
  fd_.reset();
}

}  // namespace kist::net
