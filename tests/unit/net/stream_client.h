// A raw blocking client for the stream protocols, and the server's side that a test plays.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <deque>
#include <string>

#include "kist/base/fd.h"
#include "kist/base/mutex.h"
#include "kist/net/server.h"
#include "kist/net/streams.h"

namespace kist::net::testing {

constexpr int kPatienceMilliseconds = 10'000;

inline bool readable(int fd, int milliseconds = kPatienceMilliseconds) {
  pollfd waited{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&waited, 1, milliseconds) == 1;
}

inline void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    REQUIRE(count > 0);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

// Exactly `size` bytes, or fewer where the other side ends before.
inline std::string read_exactly(int fd, size_t size) {
  std::string bytes;
  char buffer[4096];
  while (bytes.size() < size && readable(fd)) {
    const ssize_t count = ::read(fd, buffer, std::min(sizeof buffer, size - bytes.size()));
    if (count <= 0) break;
    bytes.append(buffer, static_cast<size_t>(count));
  }
  return bytes;
}

inline std::string read_to_end(int fd) { return read_exactly(fd, SIZE_MAX); }

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    from = Fd(ends[0]);
    to = Fd(ends[1]);
  }
  Fd from, to;
};

class RawClient {
 public:
  explicit RawClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }

  int fd() const { return socket_.get(); }
  void send(std::string_view bytes) { write_all(fd(), bytes); }
  std::string read(size_t size) { return read_exactly(fd(), size); }
  std::string read_to_end() { return testing::read_to_end(fd()); }
  std::string read_head() {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      const std::string byte = read(1);
      if (byte.empty()) break;
      head += byte;
    }
    return head;
  }
  void close() { socket_.reset(); }
  void shutdown_write() { ::shutdown(fd(), SHUT_WR); }

 private:
  Fd socket_;
};

// Things that callbacks bring and a test waits for.
template <typename T>
class Queue {
 public:
  void push(T value) {
    MutexLock lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  T take() {
    MutexLock lock(mutex_);
    while (values_.empty()) changed_.wait(mutex_);
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  bool empty() {
    MutexLock lock(mutex_);
    return values_.empty();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<T> values_ GUARDED_BY(mutex_);
};

// A node whose containers the test plays itself.
class PlayedNode : public Handler {
 public:
  void handle(Request request, std::shared_ptr<Exchange> exchange) override {
    if (request.path.starts_with("/portForward/")) {
      return serve_port_forward(
          request, std::move(exchange),
          {.pod = "web_ns",
           .uid = "u1",
           .opened = [this](std::shared_ptr<PortConnection> made) { ports.push(std::move(made)); },
           .closed = [this] { closed.push(true); }});
    }
    const Query query = Query::parse(request.query).value();
    Result<CommandStreams> streams = command_streams(query);
    if (!streams.ok()) {
      return exchange->respond({.status = 400, .body = {Slice::of(streams.error().message)}});
    }
    serve_command(request, std::move(exchange), streams.value(),
                  [this](std::shared_ptr<CommandSession> session) {
                    session->on_closed([this] { closed.push(true); });
                    sessions.push(std::move(session));
                  });
  }

  Queue<std::shared_ptr<CommandSession>> sessions;
  Queue<std::shared_ptr<PortConnection>> ports;
  Queue<bool> closed;
};

struct NodeFixture {
  NodeFixture() : server({}, node) { REQUIRE(server.start().ok()); }
  RawClient client() { return RawClient(server.port()); }

  PlayedNode node;
  Server server;
};

}  // namespace kist::net::testing
