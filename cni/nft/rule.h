// One rule of a chain, as the list of expressions that the kernel runs.
//
//   Rule().meta(NFT_META_L4PROTO, 1).payload(kTransport, 2, 2, 2).lookup_verdict("nodeports", 1)
//
// Registers are counted in words of 4 bytes, 0 to 15; values lie in as many as they need. An
// expression that does not match ends the rule. Constants are those of linux/netfilter/nf_tables.h.
// Threads: a value.
#pragma once

#include <linux/netfilter/nf_tables.h>

#include <chrono>
#include <string>
#include <string_view>

#include "cni/netlink/message.h"

namespace kist::cni {

inline constexpr int kRegistersMax = 16;
inline constexpr auto kNetworkHeader = NFT_PAYLOAD_NETWORK_HEADER;
inline constexpr auto kTransportHeader = NFT_PAYLOAD_TRANSPORT_HEADER;

class Rule {
 public:
  Rule();

  // Loads.
  Rule& payload(nft_payload_bases base, uint32_t offset, uint32_t size, int to);
  Rule& meta(nft_meta_keys key, int to);
  Rule& number(uint32_t value, int to);
  Rule& conntrack(nft_ct_keys key, int to);
  Rule& fib_destination_type(int to);  // RTN_LOCAL, ...
  Rule& random_below(uint32_t bound, int to);
  Rule& mask(int reg, std::string_view bits);
  Rule& map(std::string_view name, int key, int to);  // no match where the key is missing

  // Conditions.
  Rule& equal(int reg, std::string_view value) { return compare(NFT_CMP_EQ, reg, value); }
  Rule& unequal(int reg, std::string_view value) { return compare(NFT_CMP_NEQ, reg, value); }
  Rule& in_set(std::string_view name, int key);

  // Actions.
  Rule& set_meta(nft_meta_keys key, int from);
  // Adds the element, or lets the time of the one with this key begin anew: its value stays.
  Rule& update(std::string_view map, int key, int value, std::chrono::milliseconds timeout);
  Rule& erase(std::string_view map, int key, int value);  // whatever the value is
  Rule& dnat(int family, int address, int port);
  Rule& masquerade();  // ports chosen at random, so that two nodes behind one NAT do not collide
  Rule& reject_tcp_reset();
  Rule& reject_port_unreachable(int family);
  Rule& verdict_of(std::string_view map, int key);
  Rule& drop() { return verdict(0 /* NF_DROP */, {}); }
  Rule& jump(std::string_view chain) { return verdict(NFT_JUMP, chain); }
  Rule& go_to(std::string_view chain) { return verdict(NFT_GOTO, chain); }

  std::string_view expressions() const;

 private:
  template <typename Body>
  Rule& expression(const char* name, Body body);
  void put_change(nft_dynset_ops how, std::string_view map, int key, int value);
  Rule& compare(nft_cmp_ops how, int reg, std::string_view value);
  Rule& verdict(int code, std::string_view chain);
  Rule& reject(uint32_t type, uint8_t code);
  void put_number(uint16_t attribute, uint32_t value);
  void put_register(uint16_t attribute, int reg);

  MessageWriter writer_;
};

}  // namespace kist::cni
