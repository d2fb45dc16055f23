// nfnetlink wants numbers in the order of the network.
#include "cni/nft/rule.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace kist::cni {
namespace {

constexpr uint8_t kIcmpPortUnreachable = 3, kIcmp6PortUnreachable = 4;

}  // namespace

// The writer's message is only a place for attributes: expressions() leaves its header out.
Rule::Rule() { writer_.begin(0, 0, 0, {}); }

std::string_view Rule::expressions() const { return writer_.bytes().substr(NLMSG_HDRLEN); }

template <typename Body>
Rule& Rule::expression(const char* name, Body body) {
  const Nest element(writer_, NFTA_LIST_ELEM);
  writer_.put_text(NFTA_EXPR_NAME, name);
  const Nest data(writer_, NFTA_EXPR_DATA);
  body();
  return *this;
}

void Rule::put_number(uint16_t attribute, uint32_t value) {
  writer_.put_number(attribute, htonl(value));
}

void Rule::put_register(uint16_t attribute, int reg) {
  ENSURE(reg >= 0 && reg < kRegistersMax);
  put_number(attribute, static_cast<uint32_t>(NFT_REG32_00 + reg));
}

Rule& Rule::payload(nft_payload_bases base, uint32_t offset, uint32_t size, int to) {
  return expression("payload", [&] {
    put_register(NFTA_PAYLOAD_DREG, to);
    put_number(NFTA_PAYLOAD_BASE, base);
    put_number(NFTA_PAYLOAD_OFFSET, offset);
    put_number(NFTA_PAYLOAD_LEN, size);
  });
}

Rule& Rule::meta(nft_meta_keys key, int to) {
  return expression("meta", [&] {
    put_register(NFTA_META_DREG, to);
    put_number(NFTA_META_KEY, key);
  });
}

Rule& Rule::set_meta(nft_meta_keys key, int from) {
  return expression("meta", [&] {
    put_number(NFTA_META_KEY, key);
    put_register(NFTA_META_SREG, from);
  });
}

Rule& Rule::number(uint32_t value, int to) {
  return expression("immediate", [&] {
    put_register(NFTA_IMMEDIATE_DREG, to);
    const Nest data(writer_, NFTA_IMMEDIATE_DATA);
    writer_.put_number(NFTA_DATA_VALUE, value);
  });
}

Rule& Rule::conntrack(nft_ct_keys key, int to) {
  return expression("ct", [&] {
    put_register(NFTA_CT_DREG, to);
    put_number(NFTA_CT_KEY, key);
  });
}

Rule& Rule::fib_destination_type(int to) {
  return expression("fib", [&] {
    put_register(NFTA_FIB_DREG, to);
    put_number(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    put_number(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  });
}

Rule& Rule::random_below(uint32_t bound, int to) {
  return expression("numgen", [&] {
    put_register(NFTA_NG_DREG, to);
    put_number(NFTA_NG_MODULUS, bound);
    put_number(NFTA_NG_TYPE, NFT_NG_RANDOM);
    put_number(NFTA_NG_OFFSET, 0);
  });
}

Rule& Rule::mask(int reg, std::string_view bits) {
  return expression("bitwise", [&] {
    put_register(NFTA_BITWISE_SREG, reg);
    put_register(NFTA_BITWISE_DREG, reg);
    put_number(NFTA_BITWISE_LEN, static_cast<uint32_t>(bits.size()));
    {
      const Nest mask(writer_, NFTA_BITWISE_MASK);
      writer_.put(NFTA_DATA_VALUE, bits);
    }
    const Nest flip(writer_, NFTA_BITWISE_XOR);
    writer_.put(NFTA_DATA_VALUE, std::string(bits.size(), '\0'));
  });
}

Rule& Rule::map(std::string_view name, int key, int to) {
  return expression("lookup", [&] {
    writer_.put_text(NFTA_LOOKUP_SET, name);
    put_register(NFTA_LOOKUP_SREG, key);
    put_register(NFTA_LOOKUP_DREG, to);
  });
}

Rule& Rule::in_set(std::string_view name, int key) {
  return expression("lookup", [&] {
    writer_.put_text(NFTA_LOOKUP_SET, name);
    put_register(NFTA_LOOKUP_SREG, key);
  });
}

Rule& Rule::verdict_of(std::string_view map, int key) {
  return expression("lookup", [&] {
    writer_.put_text(NFTA_LOOKUP_SET, map);
    put_register(NFTA_LOOKUP_SREG, key);
    put_number(NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
  });
}

Rule& Rule::compare(nft_cmp_ops how, int reg, std::string_view value) {
  return expression("cmp", [&] {
    put_register(NFTA_CMP_SREG, reg);
    put_number(NFTA_CMP_OP, how);
    const Nest data(writer_, NFTA_CMP_DATA);
    writer_.put(NFTA_DATA_VALUE, value);
  });
}

Rule& Rule::update(std::string_view map, int key, int value, std::chrono::milliseconds timeout) {
  return expression("dynset", [&] {
    put_change(NFT_DYNSET_OP_UPDATE, map, key, value);
    writer_.put_number(NFTA_DYNSET_TIMEOUT, htobe64(static_cast<uint64_t>(timeout.count())));
  });
}

Rule& Rule::erase(std::string_view map, int key, int value) {
  return expression("dynset", [&] { put_change(NFT_DYNSET_OP_DELETE, map, key, value); });
}

void Rule::put_change(nft_dynset_ops how, std::string_view map, int key, int value) {
  writer_.put_text(NFTA_DYNSET_SET_NAME, map);
  put_register(NFTA_DYNSET_SREG_KEY, key);
  put_register(NFTA_DYNSET_SREG_DATA, value);
  put_number(NFTA_DYNSET_OP, how);
}

Rule& Rule::dnat(int family, int address, int port) {
  return expression("nat", [&] {
    put_number(NFTA_NAT_TYPE, NFT_NAT_DNAT);
    put_number(NFTA_NAT_FAMILY, static_cast<uint32_t>(family));
    put_register(NFTA_NAT_REG_ADDR_MIN, address);
    put_register(NFTA_NAT_REG_PROTO_MIN, port);
  });
}

Rule& Rule::masquerade() {
  return expression("masq", [&] { put_number(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY); });
}

Rule& Rule::reject(uint32_t type, uint8_t code) {
  return expression("reject", [&] {
    put_number(NFTA_REJECT_TYPE, type);
    writer_.put_number(NFTA_REJECT_ICMP_CODE, code);
  });
}

Rule& Rule::reject_tcp_reset() { return reject(NFT_REJECT_TCP_RST, 0); }

Rule& Rule::reject_port_unreachable(int family) {
  return reject(NFT_REJECT_ICMP_UNREACH,
                family == AF_INET6 ? kIcmp6PortUnreachable : kIcmpPortUnreachable);
}

Rule& Rule::verdict(int code, std::string_view chain) {
  return expression("immediate", [&] {
    put_number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    const Nest data(writer_, NFTA_IMMEDIATE_DATA);
    const Nest verdict(writer_, NFTA_DATA_VERDICT);
    put_number(NFTA_VERDICT_CODE, static_cast<uint32_t>(code));
    if (!chain.empty()) writer_.put_text(NFTA_VERDICT_CHAIN, chain);
  });
}

}  // namespace kist::cni
