// A conversation with the kernel over one netlink socket.
//
//   auto netlink = TRY(open_netlink(NETLINK_ROUTE));
//   MessageWriter request;
//   request.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, netlink->next_sequence(), header);
//   for (const Reply& reply : TRY(netlink->exchange(request))) ...
//
// Threads: any; exchanges are serialised, each ends before the next begins.
// Errors:  what the kernel said as the nearest code; kUnavailable where answers were lost.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "cni/netlink/message.h"
#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::cni {

struct Reply {
  uint16_t type = 0;
  std::string payload;  // behind the netlink header
};

// The seam at which tests make the nth request fail.
class Netlink {
 public:
  virtual ~Netlink() = default;
  // Sends all messages of `request` at once and returns what came before the end: the
  // acknowledgement of the last one with NLM_F_ACK, or NLMSG_DONE of a dump. Of several errors the
  // first is returned. One message at least asks for an end.
  virtual Result<std::vector<Reply>> exchange(const MessageWriter& request) = 0;

  // Of messages that are sent together each has a number of its own.
  uint32_t next_sequence() { return sequence_.fetch_add(1); }

 private:
  std::atomic<uint32_t> sequence_{1};
};

// `protocol` is NETLINK_ROUTE or NETLINK_NETFILTER. The socket belongs to the network namespace of
// the caller, or to the one that `netns` is open on.
Result<std::unique_ptr<Netlink>> open_netlink(int protocol, int netns = -1);

// A new namespace with nothing but loopback, which is down.
Result<Fd> create_netns();

}  // namespace kist::cni
