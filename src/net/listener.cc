#include "listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace kist::net {
namespace {

// A watch may be silent for hours: only probes find a peer that lost its power. The kernel sends
// them; we are not woken.
constexpr int kKeepAliveIdleSeconds = 60;
constexpr int kKeepAliveIntervalSeconds = 15;
constexpr int kKeepAliveProbes = 4;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

Result<Address> parse_address(const std::string& text, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof *v6;
  } else {
    return Error{Code::kInvalid, "bind address \"" + text + "\" is not an IP address"};
  }
  return address;
}

std::string format_address(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  const std::string port = std::to_string(ntohs(v6->sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text);
    return std::string(text) + ":" + port;
  }
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
  std::string address = "[";
  address.append(text).append("]:").append(port);
  return address;
}

void set_option(int fd, int level, int option, int value) {
  // Best effort: without it the connection works, only less well.
  (void)::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

Result<Fd> listen_on(const std::string& bind_address, uint16_t port) {
  const Address address = TRY(parse_address(bind_address, port));
  const std::string where = bind_address + " port " + std::to_string(port);
  Fd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno_error("socket for " + where);
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.storage.ss_family == AF_INET6) {
    set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  }
  const auto* generic = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::bind(socket.get(), generic, address.length) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0) {
    const int number = errno;
    Error error = errno_error("listen on " + where, number);
    if (number == EADDRINUSE) error.code = Code::kAlreadyExists;
    return error;
  }
  return socket;
}

uint16_t local_port(const Fd& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return 0;
  // The port is at the same place for both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

AcceptedSocket accept_from(const Fd& listener) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  AcceptedSocket accepted;
  accepted.socket = Fd(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&storage), &length,
                                 SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!accepted.socket) return accepted;
  accepted.remote_address = format_address(storage);
  const int fd = accepted.socket.get();
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  return accepted;
}

}  // namespace kist::net
