// Sockets inside pods' network namespaces.
#pragma once

#include <string>

#include "kist/base/fd.h"
#include "kist/cni/pod_network.h"

namespace kist::cni {

struct SocketOptions {
  int netns = -1;  // -1: the caller's
  Protocol protocol = Protocol::kTcp;
};

// Listens on every address of the namespace; answers whoever connects with "NAME CLIENT-ADDRESS"
// until destroyed.
class EchoServer {
 public:
  EchoServer(SocketOptions options, uint16_t port, std::string name);
  ~EchoServer();

 private:
  struct State;
  State* state_;
};

// What the server says; "refused", "timeout" (after two seconds) or strerror's text.
std::string ask(SocketOptions options, const IpAddress& address, uint16_t port);

}  // namespace kist::cni
