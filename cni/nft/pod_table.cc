// The elements are the record: after a restart host ports are read from them.
#include "cni/nft/pod_table.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>

#include "cni/nft/connection.h"

namespace kist::cni {
namespace {

constexpr const char* kTable = "kist_pods";
constexpr const char* kHostPorts = "host_ports";
constexpr const char* kAddressPorts = "address_ports";
constexpr size_t kPortKeyBytes = 8;  // protocol and port: the end of both sets' keys

int family_of(const IpAddress& address) { return address.is_ipv6() ? AF_INET6 : AF_INET; }

// Both lead to the same port, and one of them to that of every address.
bool collide(std::string_view a, std::string_view b) {
  const auto port_of = [](std::string_view key) { return key.substr(key.size() - kPortKeyBytes); };
  if (port_of(a) != port_of(b)) return false;
  return a.size() == kPortKeyBytes || b.size() == kPortKeyBytes || a == b;
}

std::string text_of_key(std::string_view key) {
  const std::string_view port = key.substr(key.size() - 4);
  return std::to_string(static_cast<uint8_t>(port[0]) << 8 | static_cast<uint8_t>(port[1]));
}

void put_port_rules(NftBatch& batch, const Layout& addressed, const Layout& any) {
  const int port = any.address_words();  // behind the address of the pod
  Rule one, every;
  load_key(one, addressed).map(kAddressPorts, 0, 0).dnat(any.family, 0, port);
  batch.add_rule(kHostPorts, one);
  load_key(match_node_address(every, any), any).map(kHostPorts, 0, 0).dnat(any.family, 0, port);
  batch.add_rule(kHostPorts, every);
  batch.add_rule("prerouting", Rule().jump(kHostPorts));
  batch.add_rule("output", Rule().jump(kHostPorts));
}

}  // namespace

PodTable::PodTable(std::unique_ptr<Netlink> netlink, std::string bridge,
                   std::vector<IpPrefix> pod_cidrs)
    : netlink_(std::move(netlink)), bridge_(std::move(bridge)), pod_cidrs_(std::move(pod_cidrs)) {}

std::set<int> PodTable::families() const {
  std::set<int> families;
  for (const IpPrefix& cidr : pod_cidrs_) families.insert(family_of(cidr.address));
  return families;
}

Result<> PodTable::prepare(int family) {
  const Layout addressed{family, false}, any{family, true};
  const std::vector<NftType> target = {any.address_type(), NftType::kPort};
  NftBatch batch(*netlink_, family, kTable);
  batch.add_table();
  batch.add_set({kHostPorts, any.key({}), NftSet::Holds::kValues, target});
  batch.add_set({kAddressPorts, addressed.key({}), NftSet::Holds::kValues, target});
  batch.add_set({kHairpinSet, {any.address_type(), any.address_type()}});
  batch.add_chain(kHostPorts);
  batch.add_base_chain("prerouting", {"nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST});
  batch.add_base_chain("output", {"nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST});
  batch.add_base_chain("postrouting", {"nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC});
  for (const char* chain : {kHostPorts, "prerouting", "output", "postrouting"})
    batch.flush_chain(chain);
  put_port_rules(batch, addressed, any);
  batch.add_rule("postrouting", hairpin_rule(any));
  std::string bridge = bridge_;
  bridge.resize(IFNAMSIZ, '\0');
  for (const IpPrefix& cidr : pod_cidrs_) {
    if (family_of(cidr.address) != family) continue;
    Rule outside;
    match_prefix(load_source(outside, any, 0), 0, cidr);
    outside.meta(NFT_META_OIFNAME, 0).unequal(0, bridge);
    batch.add_rule("postrouting", outside.masquerade());
  }
  return batch.commit();
}

Result<> PodTable::adopt(int family, const std::set<IpAddress>& in_use) {
  std::vector<Mapping> leftovers;
  std::set<Mapping> kept;
  for (const char* set : {kHostPorts, kAddressPorts}) {
    for (NftElement& element : TRY(read_elements(*netlink_, family, kTable, set))) {
      const size_t size = family == AF_INET6 ? 16 : 4;
      if (element.key.size() < kPortKeyBytes || element.value.size() < size)
        return Error{Code::kInvalid,
                     std::string("nftables set ") + set + " is not of this version"};
      const IpAddress pod = TRY(IpAddress::of_bytes(element.value.substr(0, size)));
      Mapping mapping{set, std::move(element), pod};
      if (in_use.contains(pod)) {
        kept.insert(std::move(mapping));
      } else {
        leftovers.push_back(std::move(mapping));
      }
    }
  }
  TRY(write(leftovers, false));
  MutexLock lock(mutex_);
  taken_.merge(kept);
  return {};
}

Result<> PodTable::start(const std::set<IpAddress>& in_use) {
  for (const int family : families()) {
    TRY(prepare(family));
    TRY(adopt(family, in_use));
  }
  return {};
}

std::vector<PodTable::Mapping> PodTable::mappings_of(const std::vector<IpAddress>& pod,
                                                     const std::vector<HostPort>& ports) const {
  std::vector<Mapping> mappings;
  for (const IpAddress& address : pod)
    for (const HostPort& port : ports) {
      if (port.host_ip && port.host_ip->is_ipv6() != address.is_ipv6()) continue;
      NftElement element;
      if (port.host_ip) element.key = nft_field(port.host_ip->bytes());
      element.key += nft_protocol(static_cast<uint8_t>(port.protocol)) + nft_port(port.host_port);
      element.value = nft_field(address.bytes()) + nft_port(port.container_port);
      mappings.push_back({port.host_ip ? kAddressPorts : kHostPorts, std::move(element), address});
    }
  return mappings;
}

Result<> PodTable::reserve(const std::vector<Mapping>& mappings) {
  MutexLock lock(mutex_);
  std::set<Mapping> taken = taken_;
  for (const Mapping& mapping : mappings) {
    for (const Mapping& other : taken)
      if (other.pod.is_ipv6() == mapping.pod.is_ipv6() &&
          collide(other.element.key, mapping.element.key))
        return Error{Code::kConflict, "host port " + text_of_key(mapping.element.key) +
                                          " is taken by the pod at " + other.pod.text()};
    taken.insert(mapping);
  }
  taken_ = std::move(taken);
  return {};
}

Result<> PodTable::write(const std::vector<Mapping>& mappings, bool add) {
  for (const int family : families()) {
    std::map<std::string, std::vector<NftElement>> elements;
    std::set<IpAddress> pods;
    for (const Mapping& mapping : mappings) {
      if (family_of(mapping.pod) != family) continue;
      elements[mapping.set].push_back(mapping.element);
      pods.insert(mapping.pod);
    }
    for (const IpAddress& pod : pods) elements[kHairpinSet].push_back(hairpin_of(pod));
    NftBatch batch(*netlink_, family, kTable);
    for (const auto& [set, of_set] : elements)
      add ? batch.add_elements(set, of_set) : batch.delete_elements(set, of_set);
    TRY(batch.commit());
  }
  return {};
}

Result<> PodTable::add(const std::vector<IpAddress>& pod, const std::vector<HostPort>& ports) {
  if (ports.empty()) return {};
  const std::vector<Mapping> mappings = mappings_of(pod, ports);
  TRY(reserve(mappings));
  Result<> written = write(mappings, true);
  if (written.ok()) return {};
  MutexLock lock(mutex_);
  for (const Mapping& mapping : mappings) taken_.erase(mapping);
  return written;
}

Result<> PodTable::remove(const std::vector<IpAddress>& pod) {
  std::vector<Mapping> mappings;
  {
    MutexLock lock(mutex_);
    std::ranges::copy_if(taken_, std::back_inserter(mappings), [&](const Mapping& mapping) {
      return std::ranges::find(pod, mapping.pod) != pod.end();
    });
  }
  if (mappings.empty()) return {};
  TRY(write(mappings, false));
  MutexLock lock(mutex_);
  for (const Mapping& mapping : mappings) taken_.erase(mapping);
  return {};
}

Result<> PodTable::remove_all() {
  for (const int family : families()) TRY(remove_table(*netlink_, family, kTable));
  MutexLock lock(mutex_);
  taken_.clear();
  return {};
}

}  // namespace kist::cni
