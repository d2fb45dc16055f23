// Offsets are those of the headers of IPv4 and IPv6, without options: those lie behind.
#include "cni/nft/connection.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>

namespace kist::cni {
namespace {

// The bytes of a mask with `bits` bits set.
std::string mask_of(size_t size, int bits) {
  std::string mask(size, '\0');
  for (int i = 0; i < bits; ++i)
    mask[static_cast<size_t>(i) / 8] |= static_cast<char>(0x80 >> i % 8);
  return mask;
}

}  // namespace

Rule& load_destination(Rule& rule, const Layout& layout, int reg) {
  return rule.payload(kNetworkHeader, layout.ipv6() ? 24 : 16, layout.address_bytes(), reg);
}

Rule& load_key(Rule& rule, const Layout& layout) {
  int reg = 0;
  if (!layout.node_port) {
    load_destination(rule, layout, reg);
    reg += layout.address_words();
  }
  rule.meta(NFT_META_L4PROTO, reg);
  return rule.payload(kTransportHeader, 2, 2, reg + 1);
}

Rule& load_source(Rule& rule, const Layout& layout, int reg) {
  return rule.payload(kNetworkHeader, layout.ipv6() ? 8 : 12, layout.address_bytes(), reg);
}

Rule& match_node_address(Rule& rule, const Layout& layout) {
  load_destination(rule, layout, 0);
  if (!layout.ipv6()) rule.mask(0, mask_of(4, 8));
  std::string loopback(layout.address_bytes(), '\0');
  (layout.ipv6() ? loopback.back() : loopback.front()) = layout.ipv6() ? 1 : 127;
  return rule.unequal(0, loopback).fib_destination_type(0).equal(0, nft_number(RTN_LOCAL));
}

Rule& match_prefix(Rule& rule, int reg, const IpPrefix& prefix) {
  rule.mask(reg, mask_of(prefix.address.size(), prefix.bits));
  return rule.equal(reg, prefix.address.bytes());
}

Rule hairpin_rule(const Layout& layout) {
  Rule rule;
  rule.conntrack(NFT_CT_STATUS, 0).mask(0, nft_number(IPS_DST_NAT)).unequal(0, nft_number(0));
  load_destination(load_source(rule, layout, 0), layout, layout.address_words());
  return rule.in_set(kHairpinSet, 0).masquerade();
}

NftElement hairpin_of(const IpAddress& pod) {
  return {.key = nft_field(pod.bytes()) + nft_field(pod.bytes())};
}

}  // namespace kist::cni
