// One table of nftables, of one address family: changes in transactions, and what it holds.
//
//   NftBatch batch(netlink, AF_INET, "kist_pods");
//   batch.add_table();
//   batch.add_chain("reject");
//   batch.add_rule("reject", Rule().reject_tcp_reset());
//   TRY(batch.commit());
//
// A transaction happens as a whole or not at all. Adding what is there is no error, except for
// elements whose data differ.
// Threads: a batch belongs to one. Errors: the kernel's, with the table named.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "cni/netlink/message.h"
#include "cni/netlink/socket.h"
#include "cni/nft/rule.h"
#include "kist/base/result.h"

namespace kist::cni {

// As nft(8) numbers them, so that `nft list` prints addresses and ports.
enum class NftType : uint32_t {
  kIpv4 = 7,
  kIpv6 = 8,
  kProtocol = 12,
  kPort = 13,
  kPriority = 23,  // of a packet: any number of 4 bytes
};

struct NftSet {
  std::string name;
  std::vector<NftType> key;
  enum class Holds { kKeys, kValues, kVerdicts } holds = Holds::kKeys;
  std::vector<NftType> value = {};  // of kValues
  uint32_t timed_size_max = 0;      // rules add elements with timeouts, at most so many
};

struct NftElement {
  std::string key;
  std::string value = {};  // empty of plain sets and verdicts
  std::string chain = {};  // of verdict maps: where to go
  auto operator<=>(const NftElement&) const = default;
};

struct NftHook {
  const char* type;  // "nat", "filter"
  uint32_t hook;     // NF_INET_PRE_ROUTING, ...
  int32_t priority;
};

class NftBatch {
 public:
  NftBatch(Netlink& netlink, int family, std::string table);

  void add_table();
  void delete_table();  // with all it holds; it must be there
  void add_set(const NftSet& set);
  void add_chain(std::string_view name);
  void add_base_chain(std::string_view name, const NftHook& hook);
  void flush_chain(std::string_view name);  // its rules go
  void add_rule(std::string_view chain, const Rule& rule);
  void add_elements(std::string_view set, const std::vector<NftElement>& elements);
  void delete_elements(std::string_view set, const std::vector<NftElement>& elements);

  bool empty() const { return messages_ == 0; }
  Result<> commit();  // once

 private:
  void begin(uint16_t type, uint16_t flags);
  void put_elements(uint16_t type, uint16_t flags, std::string_view set,
                    const std::vector<NftElement>& elements);

  Netlink& netlink_;
  const int family_;
  const std::string table_;
  MessageWriter writer_;
  int messages_ = 0;
  uint32_t set_id_ = 0;
};

// kNotFound: no such table or set.
Result<std::vector<NftElement>> read_elements(Netlink& netlink, int family, std::string_view table,
                                              std::string_view set);
// Whatever is in it goes; of none: ok.
Result<> remove_table(Netlink& netlink, int family, const std::string& table);

// A key or value: fields one after the other, each padded to a register of 4 bytes.
std::string nft_field(std::string_view bytes);
std::string nft_port(uint16_t port);
std::string nft_protocol(uint8_t protocol);
std::string nft_number(uint32_t number);

}  // namespace kist::cni
