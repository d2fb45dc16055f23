// How rules look at a connection: where its addresses and ports lie, and in which registers they
// become the key of a set. Shared by the tables of Services and of pods.
//
// Threads: any, free functions.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "cni/nft/rule.h"
#include "cni/nft/table.h"
#include "kist/cni/address.h"

namespace kist::cni {

// The registers that a rule of one family and kind of frontend uses, in words.
struct Layout {
  int family = AF_INET;
  bool node_port = false;

  bool ipv6() const { return family == AF_INET6; }
  int address_words() const { return ipv6() ? 4 : 1; }
  uint32_t address_bytes() const { return ipv6() ? 16 : 4; }
  NftType address_type() const { return ipv6() ? NftType::kIpv6 : NftType::kIpv4; }
  // Words of the key: address (not of node ports), protocol, port.
  int key_words() const { return (node_port ? 0 : address_words()) + 2; }
  std::string set(std::string_view name) const {
    return (node_port ? "node_" : "") + std::string(name);
  }
  std::vector<NftType> key(std::initializer_list<NftType> more) const {
    std::vector<NftType> types;
    if (!node_port) types.push_back(address_type());
    types.insert(types.end(), {NftType::kProtocol, NftType::kPort});
    types.insert(types.end(), more);
    return types;
  }
};

Rule& load_destination(Rule& rule, const Layout& layout, int reg);
Rule& load_source(Rule& rule, const Layout& layout, int reg);
// The key of a connection, from register 0 on.
Rule& load_key(Rule& rule, const Layout& layout);
// Whether the destination is one of the node's, but not loopback: answers to that could not find
// back from a pod.
Rule& match_node_address(Rule& rule, const Layout& layout);
Rule& match_prefix(Rule& rule, int reg, const IpPrefix& prefix);  // of the address there

// A pod that reaches itself through NAT would drop packets that come from its own address: pods of
// the set are masqueraded then.
inline constexpr const char* kHairpinSet = "hairpin";
Rule hairpin_rule(const Layout& layout);
NftElement hairpin_of(const IpAddress& pod);

}  // namespace kist::cni
