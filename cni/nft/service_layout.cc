// Flat maps instead of a chain for each Service: what the kernel runs for a connection does not
// grow with their number, and neither does a change.
#include "cni/nft/service_layout.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <numeric>

#include "cni/nft/connection.h"

namespace kist::cni {
namespace {

constexpr uint32_t kClientsMax = 65536;  // that sessionAffinity remembers, for each map
constexpr size_t kEndpointsMax = 65535;

std::string key_of(const Frontend& frontend) {
  std::string key = frontend.is_node_port() ? std::string() : nft_field(frontend.address.bytes());
  return key + nft_protocol(static_cast<uint8_t>(frontend.protocol)) + nft_port(frontend.port);
}

std::string value_of(const Endpoint& endpoint) {
  return nft_field(endpoint.address.bytes()) + nft_port(endpoint.port);
}

void put_sets(NftBatch& batch, const Layout& layout) {
  using Holds = NftSet::Holds;
  const std::vector<NftType> endpoint = {layout.address_type(), NftType::kPort};
  batch.add_set({layout.set("frontends"), layout.key({}), Holds::kVerdicts});
  batch.add_set({layout.set("refused"), layout.key({})});
  batch.add_set(
      {layout.set("endpoints"), layout.key({NftType::kPriority}), Holds::kValues, endpoint});
  batch.add_set({layout.set("choices"),
                 layout.key({NftType::kPriority}),
                 Holds::kValues,
                 {NftType::kPriority}});
  batch.add_set({layout.set("clients"),
                 layout.key({layout.address_type()}),
                 Holds::kValues,
                 {NftType::kPriority},
                 kClientsMax});
}

// The key of a connection with its client behind it.
Rule& load_client_key(Rule& rule, const Layout& layout) {
  return load_source(load_key(rule, layout), layout, layout.key_words());
}

// Leads to the endpoint whose number is in the packet's priority. Numbers travel there from rule to
// rule, before anybody reads it: nft(8) up to 1.0.6 aborts on lists of rules that pass the value of
// one map to another, and reads back no random number in a key.
void put_dnat_by_priority(NftBatch& batch, const Layout& layout, std::string_view chain) {
  Rule rule;
  load_key(rule, layout).meta(NFT_META_PRIORITY, layout.key_words());
  rule.map(layout.set("endpoints"), 0, 0).dnat(layout.family, 0, layout.address_words());
  batch.add_rule(chain, rule);
}

void put_random_priority(NftBatch& batch, const ServiceChain& chain) {
  Rule rule;
  rule.random_below(static_cast<uint32_t>(chain.endpoints), 0).set_meta(NFT_META_PRIORITY, 0);
  batch.add_rule(chain.name(), rule);
}

// A client that was seen before goes where it went, as long as that is an endpoint still.
void put_sticky_rules(NftBatch& batch, const Layout& layout, const ServiceChain& chain) {
  const int client_end = layout.key_words() + layout.address_words();
  const std::string clients = layout.set("clients"), name = chain.name();
  const auto timeout = std::chrono::milliseconds(chain.affinity);
  Rule none, known, renew;
  batch.add_rule(name, none.number(0, 0).set_meta(NFT_META_PRIORITY, 0));
  load_client_key(known, layout).map(clients, 0, 0).set_meta(NFT_META_PRIORITY, 0);
  batch.add_rule(name, known);
  renew.meta(NFT_META_PRIORITY, 0).unequal(0, nft_number(0));
  load_client_key(renew, layout).meta(NFT_META_PRIORITY, client_end);
  batch.add_rule(name, renew.update(clients, 0, client_end, timeout));
  put_dnat_by_priority(batch, layout, name);

  Rule choose, forget, remember;
  put_random_priority(batch, chain);
  load_key(choose, layout).meta(NFT_META_PRIORITY, layout.key_words());
  batch.add_rule(name, choose.map(layout.set("choices"), 0, 0).set_meta(NFT_META_PRIORITY, 0));
  // An update alone would keep the number of an endpoint that is gone.
  load_client_key(forget, layout).meta(NFT_META_PRIORITY, client_end);
  batch.add_rule(name, forget.erase(clients, 0, client_end));
  load_client_key(remember, layout).meta(NFT_META_PRIORITY, client_end);
  batch.add_rule(name, remember.update(clients, 0, client_end, timeout));
  put_dnat_by_priority(batch, layout, name);
}

// Numbers for the endpoints of a Service with affinity, which last as long as the endpoint does:
// a hash, and the next one where two collide. Never 0.
std::vector<uint32_t> numbers_of(const std::vector<Endpoint>& endpoints) {
  std::map<Endpoint, uint32_t> numbers;
  for (const Endpoint& endpoint : endpoints) numbers[endpoint] = 0;
  std::set<uint32_t> used = {0};
  for (auto& [endpoint, number] : numbers) {
    number = 2166136261;  // FNV-1a
    for (const char c : value_of(endpoint)) number = (number ^ static_cast<uint8_t>(c)) * 16777619;
    while (!used.insert(number).second) ++number;
  }
  std::vector<uint32_t> in_order;
  for (const Endpoint& endpoint : endpoints) in_order.push_back(numbers[endpoint]);
  return in_order;
}

void put_reject_rules(NftBatch& batch, int family, std::string_view chain) {
  const char tcp = IPPROTO_TCP;
  batch.add_rule(chain, Rule().meta(NFT_META_L4PROTO, 0).equal(0, {&tcp, 1}).reject_tcp_reset());
  batch.add_rule(chain, Rule().reject_port_unreachable(family));
}

void put_dispatch(NftBatch& batch, const Layout& cluster, const Layout& node) {
  Rule frontends, node_frontends;
  batch.add_rule("services", load_key(frontends, cluster).verdict_of("frontends", 0));
  load_key(match_node_address(node_frontends, node), node).verdict_of("node_frontends", 0);
  batch.add_rule("services", node_frontends);
  batch.add_rule("prerouting", Rule().jump("services"));
  batch.add_rule("output", Rule().jump("services"));
}

// Whatever still goes to a Service behind NAT has no endpoint. In the hooks of NAT itself a refusal
// would not always reach the client.
void put_refusals(NftBatch& batch, const Layout& cluster, const Layout& node,
                  const std::vector<IpPrefix>& cidrs) {
  Rule refused, node_refused;
  batch.add_rule("refused", load_key(refused, cluster).in_set("refused", 0).go_to("refuse"));
  for (const IpPrefix& cidr : cidrs) {
    if (cidr.address.is_ipv6() != cluster.ipv6()) continue;
    Rule unknown;
    load_destination(unknown, cluster, 0);
    batch.add_rule("refused", match_prefix(unknown, 0, cidr).go_to("refuse"));
  }
  load_key(match_node_address(node_refused, node), node).in_set("node_refused", 0);
  batch.add_rule("refused", node_refused.go_to("refuse"));
  Rule begins;  // of connections that go on nobody asks again
  begins.conntrack(NFT_CT_STATE, 0).mask(0, nft_number(NF_CT_STATE_BIT(IP_CT_NEW)));
  begins.unequal(0, nft_number(0)).jump("refused");
  for (const char* chain : {"filter_input", "filter_forward", "filter_output"})
    batch.add_rule(chain, begins);
}

// --- reading back ---

template <typename Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

uint16_t port_at(std::string_view bytes) {
  uint16_t wire;
  std::memcpy(&wire, bytes.data(), sizeof wire);
  return ntohs(wire);
}

Error contradiction(std::string_view what) {
  return {Code::kInvalid, "services in nftables: " + std::string(what)};
}

Result<Frontend> frontend_at(std::string_view key, const Layout& layout) {
  const size_t address = layout.node_port ? 0 : layout.address_bytes();
  if (key.size() < address + 8) return contradiction("a key is too short");
  Frontend frontend{.address = TRY(IpAddress::of_bytes(std::string(layout.address_bytes(), '\0')))};
  if (!layout.node_port) frontend.address = TRY(IpAddress::of_bytes(key.substr(0, address)));
  const auto protocol = static_cast<uint8_t>(key[address]);
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP)
    return contradiction("a protocol is not of Services");
  frontend.protocol = static_cast<Protocol>(protocol);
  frontend.port = port_at(key.substr(address + 4));
  return frontend;
}

// What the maps say of one frontend.
struct Found {
  std::map<uint32_t, Endpoint> endpoints;  // by slot, or by number where clients stay
  std::map<uint32_t, uint32_t> choices;    // of those: the number by slot
};

uint32_t number_at(std::string_view bytes) {
  uint32_t number;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

Result<> read_endpoint(const NftElement& element, const Layout& layout,
                       std::map<Frontend, Found>& found) {
  const Frontend frontend = TRY(frontend_at(element.key, layout));
  const size_t size = layout.address_bytes();
  if (element.value.size() < size + 2) return contradiction("an endpoint is too short");
  const uint32_t number = number_at(std::string_view(element.key).substr(element.key.size() - 4));
  const std::string_view value = element.value;
  found[frontend].endpoints[number] = {TRY(IpAddress::of_bytes(value.substr(0, size))),
                                       port_at(value.substr(size))};
  return {};
}

Result<> read_choice(const NftElement& element, const Layout& layout,
                     std::map<Frontend, Found>& found) {
  const Frontend frontend = TRY(frontend_at(element.key, layout));
  if (element.value.size() != 4) return contradiction("a choice is no number");
  const uint32_t slot = number_at(std::string_view(element.key).substr(element.key.size() - 4));
  found[frontend].choices[slot] = number_at(element.value);
  return {};
}

Result<Backends> backends_of(const ServiceChain& chain, const Found& found) {
  const size_t choices = chain.affinity.count() > 0 ? chain.endpoints : 0;
  if (found.endpoints.size() != chain.endpoints || found.choices.size() != choices)
    return contradiction("the number of endpoints differs");
  Backends backends{.affinity = chain.affinity};
  for (uint32_t slot = 0; slot < chain.endpoints; ++slot) {
    const auto choice = found.choices.find(slot);
    const auto endpoint =
        found.endpoints.find(choice == found.choices.end() ? slot : choice->second);
    if (endpoint == found.endpoints.end()) return contradiction("a slot is missing");
    backends.endpoints.push_back(endpoint->second);
  }
  return backends;
}

const std::set<NftElement>& set_of(const TableElements& elements, const std::string& name) {
  static const std::set<NftElement> kNone;
  const auto found = elements.find(name);
  return found == elements.end() ? kNone : found->second;
}

}  // namespace

std::string ServiceChain::name() const {
  const std::string prefix = node_port ? "node_" : "";
  const std::string count = std::to_string(endpoints);
  if (affinity.count() == 0) return prefix + "slots_" + count;
  return prefix + "sticky_" + count + "_" + std::to_string(affinity.count());
}

std::optional<ServiceChain> ServiceChain::parse(std::string_view name) {
  ServiceChain chain;
  std::string_view rest = name;
  const auto take = [&rest](std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
  };
  chain.node_port = take("node_");
  const bool sticky = take("sticky_");
  if (!sticky && !take("slots_")) return {};
  int64_t seconds = 0;
  if (!take_number(rest, chain.endpoints) || chain.endpoints == 0 ||
      chain.endpoints > kEndpointsMax)
    return {};
  if (sticky && (!take("_") || !take_number(rest, seconds))) return {};
  chain.affinity = std::chrono::seconds(seconds);
  if (chain.name() != name) return {};  // one spelling only
  return chain;
}

void put_service_base(NftBatch& batch, int family, const std::vector<IpPrefix>& service_cidrs) {
  const Layout cluster{family, false}, node{family, true};
  batch.add_table();
  put_sets(batch, cluster);
  put_sets(batch, node);
  batch.add_set({kHairpinSet, {cluster.address_type(), cluster.address_type()}});
  batch.add_base_chain("prerouting", {"nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST});
  batch.add_base_chain("output", {"nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST});
  batch.add_base_chain("postrouting", {"nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC});
  batch.add_base_chain("filter_input", {"filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER});
  batch.add_base_chain("filter_forward", {"filter", NF_INET_FORWARD, NF_IP_PRI_FILTER});
  batch.add_base_chain("filter_output", {"filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER});
  for (const char* chain : {"services", "refused", "refuse"}) batch.add_chain(chain);
  for (const char* chain : {"prerouting", "output", "postrouting", "filter_input", "filter_forward",
                            "filter_output", "services", "refused", "refuse"})
    batch.flush_chain(chain);
  put_reject_rules(batch, family, "refuse");
  put_refusals(batch, cluster, node, service_cidrs);
  put_dispatch(batch, cluster, node);
  batch.add_rule("postrouting", hairpin_rule(cluster));
}

void put_service_chain(NftBatch& batch, int family, const ServiceChain& chain) {
  const Layout layout{family, chain.node_port};
  batch.add_chain(chain.name());
  batch.flush_chain(chain.name());
  if (chain.affinity.count() > 0) return put_sticky_rules(batch, layout, chain);
  put_random_priority(batch, chain);
  put_dnat_by_priority(batch, layout, chain.name());
}

std::optional<ServiceChain> chain_of(const Frontend& frontend, const Backends& backends) {
  if (backends.endpoints.empty()) return {};
  return ServiceChain{frontend.is_node_port(), backends.endpoints.size(), backends.affinity};
}

TableElements elements_of(const Frontend& frontend, const Backends& backends) {
  const std::string prefix = frontend.is_node_port() ? "node_" : "";
  const std::string key = key_of(frontend);
  TableElements elements;
  const std::optional<ServiceChain> chain = chain_of(frontend, backends);
  if (!chain) {
    elements[prefix + "refused"].insert({.key = key});
    return elements;
  }
  elements[prefix + "frontends"].insert({.key = key, .chain = chain->name()});
  const bool sticky = backends.affinity.count() > 0;
  std::vector<uint32_t> numbers = numbers_of(backends.endpoints);
  if (!sticky) std::iota(numbers.begin(), numbers.end(), 0u);
  for (uint32_t slot = 0; slot < numbers.size(); ++slot) {
    const Endpoint& endpoint = backends.endpoints[slot];
    const std::string number = nft_number(numbers[slot]);
    elements[prefix + "endpoints"].insert({.key = key + number, .value = value_of(endpoint)});
    if (sticky)
      elements[prefix + "choices"].insert({.key = key + nft_number(slot), .value = number});
    elements[kHairpinSet].insert(hairpin_of(endpoint.address));
  }
  return elements;
}

std::vector<std::string> read_service_sets() {
  return {"frontends",      "endpoints",      "choices",      "refused",
          "node_frontends", "node_endpoints", "node_choices", "node_refused"};
}

Result<Services> services_of(int family, const TableElements& elements) {
  Services services;
  for (const bool node_port : {false, true}) {
    const Layout layout{family, node_port};
    std::map<Frontend, Found> found;
    for (const NftElement& element : set_of(elements, layout.set("endpoints")))
      TRY(read_endpoint(element, layout, found));
    for (const NftElement& element : set_of(elements, layout.set("choices")))
      TRY(read_choice(element, layout, found));
    for (const NftElement& element : set_of(elements, layout.set("frontends"))) {
      const std::optional<ServiceChain> chain = ServiceChain::parse(element.chain);
      if (!chain) return contradiction("chain \"" + element.chain + "\" is not of ours");
      const Frontend frontend = TRY(frontend_at(element.key, layout));
      services[frontend] = TRY(backends_of(*chain, found[frontend]));
      found.erase(frontend);
    }
    for (const NftElement& element : set_of(elements, layout.set("refused")))
      services[TRY(frontend_at(element.key, layout))] = {};
    if (!found.empty()) return contradiction("endpoints without a frontend");
  }
  return services;
}

std::vector<Endpoint> arrange(const std::vector<Endpoint>& now, std::vector<Endpoint> wanted) {
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  std::vector<std::optional<Endpoint>> slots(wanted.size());
  std::vector<Endpoint> placed;
  for (size_t slot = 0; slot < std::min(now.size(), slots.size()); ++slot) {
    if (!std::binary_search(wanted.begin(), wanted.end(), now[slot])) continue;
    slots[slot] = now[slot];
    placed.push_back(now[slot]);
  }
  std::sort(placed.begin(), placed.end());
  std::vector<Endpoint> homeless;
  std::set_difference(wanted.begin(), wanted.end(), placed.begin(), placed.end(),
                      std::back_inserter(homeless));
  std::vector<Endpoint> arranged;
  auto next = homeless.begin();
  for (const std::optional<Endpoint>& slot : slots) arranged.push_back(slot ? *slot : *next++);
  return arranged;
}

}  // namespace kist::cni
