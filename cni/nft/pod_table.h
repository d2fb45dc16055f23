// What pods need of nftables on their own: their way out, and host ports.
//
// One table of ours for each family, "kist_pods". Packets that leave the node bear its address;
// `host_ports` leads ports of all the node's addresses to pods, `address_ports` those of one.
//
// Threads: any; calls about different pods may run at once.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cni/netlink/socket.h"
#include "cni/nft/table.h"
#include "kist/base/mutex.h"
#include "kist/cni/pod_network.h"

namespace kist::cni {

class PodTable {
 public:
  PodTable(std::unique_ptr<Netlink> netlink, std::string bridge, std::vector<IpPrefix> pod_cidrs);

  // Takes over host ports of pods that are in use; others go.
  Result<> start(const std::set<IpAddress>& in_use);
  // kConflict: another pod has one of them, the message says which.
  Result<> add(const std::vector<IpAddress>& pod, const std::vector<HostPort>& ports);
  Result<> remove(const std::vector<IpAddress>& pod);  // of one without host ports: ok
  Result<> remove_all();

 private:
  struct Mapping {  // an element, and whose it is
    std::string set;
    NftElement element;
    IpAddress pod;
    auto operator<=>(const Mapping&) const = default;
  };

  Result<> prepare(int family);
  Result<> adopt(int family, const std::set<IpAddress>& in_use);
  std::vector<Mapping> mappings_of(const std::vector<IpAddress>& pod,
                                   const std::vector<HostPort>& ports) const;
  Result<> reserve(const std::vector<Mapping>& mappings);
  Result<> write(const std::vector<Mapping>& mappings, bool add);
  std::set<int> families() const;

  const std::unique_ptr<Netlink> netlink_;
  const std::string bridge_;
  const std::vector<IpPrefix> pod_cidrs_;
  Mutex mutex_;
  std::set<Mapping> taken_ GUARDED_BY(mutex_);
};

}  // namespace kist::cni
