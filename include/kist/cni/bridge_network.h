// The PodNetwork of a node on its own: a bridge, a veth pair for each pod, addresses of this host.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kist/base/result.h"
#include "kist/cni/address.h"
#include "kist/cni/pod_network.h"

namespace kist::cni {

struct BridgeOptions {
  std::string bridge = "kist0";
  // Where pods' addresses come from, at most one of each family; the first host is the gateway.
  std::vector<IpPrefix> pod_cidrs;
  // Routed to the bridge, so that a node without a default route reaches Services too.
  std::vector<IpPrefix> service_cidrs = {};
  int mtu = 1500;
  size_t prepared_netns_max = 4;                        // made in advance for take_netns()
  std::filesystem::path sysctl_root = "/proc/sys/net";  // another directory in tests
};

// Works in the network namespace of the thread that calls start(). kInvalid: options that cannot
// work, with the option named.
Result<std::unique_ptr<PodNetwork>> make_bridge_network(BridgeOptions options);

}  // namespace kist::cni
