// The socket that connections come from.
#pragma once

#include <cstdint>
#include <string>

#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::net {

// Non-blocking and listening. `bind_address` is an IPv4 or IPv6 literal.
Result<Fd> listen_on(const std::string& bind_address, uint16_t port);
uint16_t local_port(const Fd& socket);

struct AcceptedSocket {
  Fd socket;
  std::string remote_address;
};
// The next waiting connection, non-blocking, without Nagle, with keep-alive probes. An empty
// socket: none is waiting, or errno says why not.
AcceptedSocket accept_from(const Fd& listener);

}  // namespace kist::net
