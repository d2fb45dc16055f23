// Programs Services: what the wanted ones and the current ones do not share becomes one transaction
// for each address family.
#include "kist/cni/service_table.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "cni/netlink/socket.h"
#include "cni/nft/service_layout.h"
#include "cni/nft/table.h"
#include "kist/base/log.h"

namespace kist::cni {
namespace {

constexpr size_t kEndpointsMax = 65535;
constexpr std::chrono::seconds kAffinityMax{86400};  // the API's bound as well

int family_of(const IpAddress& address) { return address.is_ipv6() ? AF_INET6 : AF_INET; }

Result<> check(const Frontend& frontend, const Backends& backends) {
  const auto refused = [&](const std::string& why) {
    return Error{Code::kInvalid, "service " + frontend.text() + ": " + why};
  };
  if (frontend.port == 0) return refused("port 0");
  if (backends.endpoints.size() > kEndpointsMax) return refused("too many endpoints");
  if (backends.affinity.count() < 0 || backends.affinity > kAffinityMax)
    return refused("affinity is not 0 to 86400 seconds");
  for (const Endpoint& endpoint : backends.endpoints)
    if (endpoint.port == 0 || endpoint.address.is_ipv6() != frontend.address.is_ipv6())
      return refused("endpoint " + endpoint.address.text() + " has no port or the other family");
  return {};
}

// Elements that one set has and the other has not.
std::vector<NftElement> without(const std::set<NftElement>& all, const std::set<NftElement>& less) {
  std::vector<NftElement> rest;
  std::ranges::set_difference(all, less, std::back_inserter(rest));
  return rest;
}

// What one transaction changes.
struct Difference {
  std::set<ServiceChain> chains;  // in use afterwards
  std::map<std::string, std::vector<NftElement>> removed, added;
  std::map<IpAddress, int> uses;  // of endpoints by Services: how many more

  void count(const Backends& backends, int by) {
    std::set<IpAddress> addresses;
    for (const Endpoint& endpoint : backends.endpoints) addresses.insert(endpoint.address);
    for (const IpAddress& address : addresses) uses[address] += by;
  }
  void compare(const TableElements& before, const TableElements& after) {
    static const std::set<NftElement> kNone;
    const auto of = [](const TableElements& elements, const std::string& set) -> auto& {
      const auto found = elements.find(set);
      return found == elements.end() ? kNone : found->second;
    };
    std::set<std::string> sets;
    for (const auto& [set, unused] : before) sets.insert(set);
    for (const auto& [set, unused] : after) sets.insert(set);
    sets.erase(kHairpinSet);
    for (const std::string& set : sets) {
      std::ranges::move(without(of(before, set), of(after, set)), std::back_inserter(removed[set]));
      std::ranges::move(without(of(after, set), of(before, set)), std::back_inserter(added[set]));
    }
  }
};

class NftServiceTable : public ServiceTable {
 public:
  explicit NftServiceTable(ServiceTableOptions options) : options_(std::move(options)) {}

  Result<> start() override;
  Result<> replace(const Services& services) override;
  Result<> apply(const ServiceChanges& changes) override;
  const Services& current() const override { return current_; }
  Result<> remove_all() override;

 private:
  std::set<int> families() const;
  Result<Services> read(int family);
  Result<> prepare(int family, const Services& services);
  Result<> apply_to(int family, const ServiceChanges& changes);
  void add_hairpins(Difference& difference) const;

  const ServiceTableOptions options_;
  std::unique_ptr<Netlink> netlink_;              // made by start()
  Services current_;                              // endpoints in the order of their slots
  std::map<int, std::set<ServiceChain>> chains_;  // those that hold our rules, by family
  std::map<IpAddress, int> uses_;                 // of an endpoint by Services
};

std::set<int> NftServiceTable::families() const {
  std::set<int> families;
  for (const IpPrefix& cidr : options_.service_cidrs) families.insert(family_of(cidr.address));
  return families;
}

Result<Services> NftServiceTable::read(int family) {
  TableElements elements;
  for (const std::string& set : read_service_sets()) {
    Result<std::vector<NftElement>> there = read_elements(*netlink_, family, options_.table, set);
    if (!there.ok() && there.error().code == Code::kNotFound) return Services();
    for (NftElement& element : TRY(std::move(there))) elements[set].insert(std::move(element));
  }
  return services_of(family, elements);
}

Result<> NftServiceTable::prepare(int family, const Services& services) {
  std::set<ServiceChain> chains;
  for (const auto& [frontend, backends] : services)
    if (const auto chain = chain_of(frontend, backends)) chains.insert(*chain);
  NftBatch batch(*netlink_, family, options_.table);
  put_service_base(batch, family, options_.service_cidrs);
  for (const ServiceChain& chain : chains) put_service_chain(batch, family, chain);
  TRY(batch.commit());
  chains_[family] = std::move(chains);
  return {};
}

Result<> NftServiceTable::start() {
  netlink_ = TRY(open_netlink(NETLINK_NETFILTER));
  current_.clear();
  uses_.clear();
  for (const int family : families()) {
    Result<Services> found = read(family);
    Result<> prepared = found.ok() ? prepare(family, found.value()) : found.error();
    if (!prepared.ok()) {  // made by another version, or changed by hand
      log_warn("service rules are made anew", {{"reason", prepared.error().message}});
      TRY(remove_table(*netlink_, family, options_.table));
      found = Services();
      TRY(prepare(family, {}));
    }
    Difference difference;
    for (const auto& [frontend, backends] : found.value()) difference.count(backends, 1);
    uses_.merge(difference.uses);
    current_.merge(found.value());
  }
  return {};
}

Result<> NftServiceTable::replace(const Services& services) {
  ServiceChanges changes;
  for (const auto& [frontend, backends] : current_) changes[frontend] = std::nullopt;
  for (const auto& [frontend, backends] : services) changes[frontend] = backends;
  return apply(changes);
}

void NftServiceTable::add_hairpins(Difference& difference) const {
  for (const auto& [address, more] : difference.uses) {
    const auto found = uses_.find(address);
    const int before = found == uses_.end() ? 0 : found->second;
    if (before == 0 && more > 0) difference.added[kHairpinSet].push_back(hairpin_of(address));
    if (before > 0 && before + more == 0)
      difference.removed[kHairpinSet].push_back(hairpin_of(address));
  }
}

Result<> NftServiceTable::apply_to(int family, const ServiceChanges& changes) {
  Difference difference;
  ServiceChanges arranged;
  for (const auto& [frontend, wanted] : changes) {
    if (family_of(frontend.address) != family) continue;
    const auto now = current_.find(frontend);
    const Backends before = now == current_.end() ? Backends() : now->second;
    TableElements old_elements, new_elements;
    if (now != current_.end()) old_elements = elements_of(frontend, before);
    std::optional<Backends>& after = arranged[frontend] = wanted;
    if (after) {
      after->endpoints = arrange(before.endpoints, std::move(after->endpoints));
      new_elements = elements_of(frontend, *after);
      if (const auto chain = chain_of(frontend, *after)) difference.chains.insert(*chain);
      difference.count(*after, 1);
    }
    difference.count(before, -1);
    difference.compare(old_elements, new_elements);
  }
  add_hairpins(difference);

  NftBatch batch(*netlink_, family, options_.table);
  for (const ServiceChain& chain : difference.chains)
    if (!chains_[family].contains(chain)) put_service_chain(batch, family, chain);
  for (const auto& [set, elements] : difference.removed) batch.delete_elements(set, elements);
  for (const auto& [set, elements] : difference.added) batch.add_elements(set, elements);
  TRY(batch.commit());

  chains_[family].merge(difference.chains);
  for (auto& [frontend, after] : arranged) {
    current_.erase(frontend);
    if (after) current_[frontend] = std::move(*after);
  }
  for (const auto& [address, more] : difference.uses)
    if ((uses_[address] += more) == 0) uses_.erase(address);
  return {};
}

Result<> NftServiceTable::apply(const ServiceChanges& changes) {
  ENSURE(netlink_);
  const std::set<int> served = families();
  for (const auto& [frontend, backends] : changes) {
    if (!served.contains(family_of(frontend.address)))
      return Error{Code::kInvalid,
                   "service " + frontend.text() + ": no service CIDR of its family"};
    if (backends) TRY(check(frontend, *backends));
  }
  for (const int family : served) TRY(apply_to(family, changes));
  return {};
}

Result<> NftServiceTable::remove_all() {
  if (!netlink_) netlink_ = TRY(open_netlink(NETLINK_NETFILTER));
  for (const int family : families()) TRY(remove_table(*netlink_, family, options_.table));
  current_.clear();
  chains_.clear();
  uses_.clear();
  return {};
}

}  // namespace

bool Frontend::is_node_port() const {
  return std::ranges::all_of(address.bytes(), [](char byte) { return byte == 0; });
}

std::string Frontend::text() const {
  const char* const name = protocol == Protocol::kTcp   ? "TCP"
                           : protocol == Protocol::kUdp ? "UDP"
                                                        : "SCTP";
  const std::string host = address.is_ipv6() ? "[" + address.text() + "]" : address.text();
  return host + ":" + std::to_string(port) + "/" + name;
}

std::unique_ptr<ServiceTable> make_service_table(ServiceTableOptions options) {
  return std::make_unique<NftServiceTable>(std::move(options));
}

}  // namespace kist::cni
