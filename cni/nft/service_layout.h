// How Services lie in a table: which sets, chains and rules there are, and which elements a
// Service has. Pure; cni/README.md draws the layout.
//
// Threads: any, free functions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cni/nft/connection.h"
#include "cni/nft/table.h"
#include "kist/cni/service_table.h"

namespace kist::cni {

// The chain that chooses an endpoint. Its name says all of it: "slots_3", "node_sticky_3_10800".
struct ServiceChain {
  bool node_port = false;
  size_t endpoints = 1;
  std::chrono::seconds affinity{0};
  auto operator<=>(const ServiceChain&) const = default;

  std::string name() const;
  static std::optional<ServiceChain> parse(std::string_view name);  // none: not a name of ours
};

// Elements of all sets, by the set's name.
using TableElements = std::map<std::string, std::set<NftElement>>;

// Sets, the chains that hooks call and the rules between them, put into a batch.
void put_service_base(NftBatch& batch, int family, const std::vector<IpPrefix>& service_cidrs);
// One chain with its rules, whether or not it was there.
void put_service_chain(NftBatch& batch, int family, const ServiceChain& chain);

// None where there are no endpoints: connections are refused.
std::optional<ServiceChain> chain_of(const Frontend& frontend, const Backends& backends);
// Of one Service. Those of kHairpinSet may be of several Services at once.
TableElements elements_of(const Frontend& frontend, const Backends& backends);
// The sets that say everything: the others follow from them.
std::vector<std::string> read_service_sets();
// The Services whose elements these are; kInvalid where they contradict each other.
Result<Services> services_of(int family, const TableElements& elements);

// `wanted` in an order that leaves as many endpoints as possible in the slots they have now.
std::vector<Endpoint> arrange(const std::vector<Endpoint>& now, std::vector<Endpoint> wanted);

}  // namespace kist::cni
