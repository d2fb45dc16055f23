// What gives a pod its network: the contract between the kubelet and whatever provides it.
//
//   TRY(network.start(sandboxes));                       // after every restart: what exists
//   Attachment made = TRY(network.attach({.sandbox = id, .netns = fd.get()}));
//   ...
//   TRY(network.detach(id));
//
// State is derived: which sandboxes exist, with their addresses, is told to start(), so nothing is
// written on the way and kill -9 at any line is repaired by start() and sweep(). An address is
// never given twice; of the free ones the one that rested longest is given.
//
// Today's providers are to be ours (bridge, veth, nftables; single node) and a fake for tests.
// Routes or VXLAN between nodes and plugins of /opt/cni/bin become further providers: nothing here
// knows of a bridge.
//
// Threads:   any; calls about different sandboxes may run at once.
// Ownership: fds stay the caller's and are not kept. Answers are copies.
// Errors:    name the device or address and what the kernel said. Whatever fails has undone itself.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/cni/address.h"

namespace kist::cni {

enum class Protocol : uint8_t { kTcp = 6, kUdp = 17, kSctp = 132 };  // as in the IP header

// containers[].ports[] with a hostPort.
struct HostPort {
  Protocol protocol = Protocol::kTcp;
  uint16_t host_port = 0, container_port = 0;
  std::optional<IpAddress> host_ip = {};  // none: every address of the node
};

struct AttachRequest {
  std::string sandbox;                 // its id; the key of everything
  int netns = -1;                      // an open network namespace, borrowed for the call
  std::vector<IpAddress> wanted = {};  // at most one of each family; empty: chosen
  std::vector<HostPort> host_ports = {};
};

struct Attachment {
  std::string sandbox;
  std::vector<IpAddress> addresses;  // the node's first family first: status.podIPs
  std::string mac;                   // of eth0, "0a:58:0a:2a:00:07"
  std::string host_device;           // the node's end of the pair
};

class PodNetwork {
 public:
  virtual ~PodNetwork() = default;

  // Prepares the node and takes over what an earlier process left; `present` are the sandboxes that
  // still run. kAlreadyExists: a device of our name is somebody else's; the message says which.
  virtual Result<> start(const std::vector<Attachment>& present) = 0;

  // A network namespace with nothing but loopback, up; perhaps one that was prepared in advance, in
  // which case attach() is cheap.
  virtual Result<Fd> take_netns() = 0;

  // eth0, addresses, routes and host ports of one sandbox, and loopback up. kAlreadyExists: it has
  // a network. kConflict: a wanted address or a host port is taken. kTooManyRequests: no address
  // free.
  virtual Result<Attachment> attach(const AttachRequest& request) = 0;

  // Whatever the sandbox has goes; slow parts follow in the background. Of one unknown: ok.
  virtual Result<> detach(const std::string& sandbox) = 0;

  virtual Result<std::vector<Attachment>> list() = 0;
  // Removes what belongs to a sandbox that is not in `keep`: leftovers of a crash.
  virtual Result<> sweep(const std::set<std::string>& keep) = 0;
  // Leaves no device, address, route or rule behind. Only start() may follow.
  virtual Result<> remove_all() = 0;
};

}  // namespace kist::cni
