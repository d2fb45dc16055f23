// Threads and sockets with two seconds of patience: only a failing test waits that long.
#include "pod_traffic.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>

namespace kist::cni {
namespace {

constexpr timeval kPatience{2, 0};

Fd socket_in(SocketOptions options) {
  Fd fd;
  std::jthread([&] {
    if (options.netns >= 0 && ::setns(options.netns, CLONE_NEWNET) != 0) return;
    const int type = options.protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
    fd.reset(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  }).join();
  ENSURE(fd);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  return fd;
}

sockaddr_in socket_address(const IpAddress& address, uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  std::memcpy(&result.sin_addr, address.bytes().data(), 4);
  return result;
}

std::string text_of_error() {
  if (errno == ECONNREFUSED) return "refused";
  if (errno == EAGAIN || errno == EINPROGRESS || errno == ETIMEDOUT) return "timeout";
  return std::strerror(errno);
}

}  // namespace

struct EchoServer::State {
  Fd listening, stop;
  bool stream = true;
  std::string name;
  std::jthread thread;

  std::string answer_to(const sockaddr_in& client) const {
    char text[INET_ADDRSTRLEN];
    return name + " " + ::inet_ntop(AF_INET, &client.sin_addr, text, sizeof text);
  }
  void serve_one() {
    sockaddr_in client{};
    socklen_t size = sizeof client;
    auto* address = reinterpret_cast<sockaddr*>(&client);
    if (stream) {
      const Fd connection(::accept(listening.get(), address, &size));
      const std::string answer = answer_to(client);
      if (connection) ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      return;
    }
    char question[16];
    if (::recvfrom(listening.get(), question, sizeof question, 0, address, &size) < 0) return;
    const std::string answer = answer_to(client);
    ::sendto(listening.get(), answer.data(), answer.size(), 0, address, size);
  }
  void run() {
    for (;;) {
      pollfd fds[] = {{listening.get(), POLLIN, 0}, {stop.get(), POLLIN, 0}};
      if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
      if (fds[1].revents != 0) return;
      if (fds[0].revents != 0) serve_one();
    }
  }
};

EchoServer::EchoServer(SocketOptions options, uint16_t port, std::string name) : state_(new State) {
  state_->listening = socket_in(options);
  state_->stop.reset(::eventfd(0, EFD_CLOEXEC));
  state_->stream = options.protocol == Protocol::kTcp;
  state_->name = std::move(name);
  const sockaddr_in any = socket_address(IpAddress(), port);
  const int fd = state_->listening.get();
  ENSURE(::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
  ENSURE(!state_->stream || ::listen(fd, 16) == 0);
  state_->thread = std::jthread([state = state_] { state->run(); });
}

EchoServer::~EchoServer() {
  ::eventfd_write(state_->stop.get(), 1);
  state_->thread.join();
  delete state_;
}

std::string ask(SocketOptions options, const IpAddress& address, uint16_t port) {
  const Fd fd = socket_in(options);
  const sockaddr_in to = socket_address(address, port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    return text_of_error();
  if (options.protocol == Protocol::kUdp && ::send(fd.get(), "?", 1, 0) != 1)
    return text_of_error();
  char answer[128];
  const ssize_t got = ::recv(fd.get(), answer, sizeof answer, 0);
  if (got < 0) return text_of_error();
  return std::string(answer, static_cast<size_t>(got));
}

}  // namespace kist::cni
