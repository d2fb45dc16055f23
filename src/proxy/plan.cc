// The rules are those of upstream's proxies: ready endpoints, or else those that still serve while
// they terminate; of a policy "Local" only those of this node.
#include "src/proxy/plan.h"

#include <optional>

#include "kist_api_views.h"

namespace kist::proxy {
namespace {

using api::core_v1::Service;
using api::core_v1::ServicePort;
using api::discovery_v1::EndpointSlice;
using cni::Endpoint;
using cni::Frontend;
using cni::IpAddress;
using cni::Protocol;

constexpr std::chrono::seconds kAffinityDefault{10800};

std::optional<Protocol> protocol_of(std::string_view name) {
  if (name.empty() || name == "TCP") return Protocol::kTcp;
  if (name == "UDP") return Protocol::kUdp;
  if (name == "SCTP") return Protocol::kSctp;
  return {};
}

// 0 where it is no port.
uint16_t port_number(int64_t number) {
  return number > 0 && number <= 65535 ? static_cast<uint16_t>(number) : uint16_t{0};
}

// The endpoints of one port and family, by what they are good for.
struct Candidates {
  std::vector<Endpoint> ready, terminating;              // on any node
  std::vector<Endpoint> local_ready, local_terminating;  // on this one

  const std::vector<Endpoint>& usable(bool local_only) const {
    if (local_only) return local_ready.empty() ? local_terminating : local_ready;
    return ready.empty() ? terminating : ready;
  }
};

uint16_t number_in(const EndpointSlice& slice, const ServicePort& wanted) {
  for (const api::discovery_v1::EndpointPort port : slice.ports())
    if (port.name() == wanted.name() &&
        protocol_of(port.protocol()) == protocol_of(wanted.protocol()))
      return port_number(port.port().value_or(0));
  return 0;
}

void add_endpoints(const EndpointSlice& slice, uint16_t number, std::string_view node,
                   Candidates& candidates) {
  for (const api::discovery_v1::Endpoint endpoint : slice.endpoints()) {
    if (endpoint.addresses().empty()) continue;
    // All addresses of an endpoint are the same to clients; the first is used, as upstream does.
    Result<IpAddress> address = IpAddress::parse(endpoint.addresses()[0]);
    if (!address.ok()) continue;
    const auto conditions = endpoint.conditions();
    const bool ready = conditions.ready().value_or(true);
    const bool serving = conditions.serving().value_or(ready);
    const bool terminating = serving && conditions.terminating().value_or(false);
    if (!ready && !terminating) continue;
    const Endpoint made{address.value(), number};
    (ready ? candidates.ready : candidates.terminating).push_back(made);
    if (endpoint.node_name() == node)
      (ready ? candidates.local_ready : candidates.local_terminating).push_back(made);
  }
}

Candidates candidates_of(const std::vector<const api::Value*>& slices, const ServicePort& port,
                         bool ipv6, std::string_view node) {
  Candidates candidates;
  for (const api::Value* object : slices) {
    const EndpointSlice slice(object);
    if (slice.address_type() != (ipv6 ? "IPv6" : "IPv4")) continue;
    if (const uint16_t number = number_in(slice, port))
      add_endpoints(slice, number, node, candidates);
  }
  return candidates;
}

// An address that clients may use, and whether they come from outside the cluster.
struct Address {
  IpAddress ip;
  bool external = false;
  bool node_port = false;
};

std::vector<Address> addresses_of(const Service& service, const Options& options) {
  std::vector<Address> addresses;
  const auto add = [&](std::string_view text, bool external) {
    Result<IpAddress> ip = IpAddress::parse(text);
    if (ip.ok() && (ip.value().is_ipv6() ? options.ipv6 : options.ipv4))
      addresses.push_back({ip.value(), external});
  };
  const auto spec = service.spec();
  for (const std::string_view ip : spec.cluster_ips()) add(ip, false);
  if (spec.cluster_ips().empty()) add(spec.cluster_ip(), false);
  for (const std::string_view ip : spec.external_ips()) add(ip, true);
  for (const auto ingress : service.status().load_balancer().ingress())
    if (ingress.ip_mode() != "Proxy") add(ingress.ip(), true);
  if (spec.type() != "NodePort" && spec.type() != "LoadBalancer") return addresses;
  bool families[] = {false, false};
  for (const Address& address : addresses)
    if (!address.external) families[address.ip.is_ipv6()] = true;
  if (families[0]) addresses.push_back({IpAddress(), true, true});
  if (families[1]) addresses.push_back({IpAddress::parse("::").value(), true, true});
  return addresses;
}

std::chrono::seconds affinity_of(const Service& service) {
  if (service.spec().session_affinity() != "ClientIP") return std::chrono::seconds(0);
  const auto seconds = service.spec().session_affinity_config().client_ip().timeout_seconds();
  return std::chrono::seconds(seconds.value_or(kAffinityDefault.count()));
}

}  // namespace

cni::Services plan_service(const api::Value& object, const std::vector<const api::Value*>& slices,
                           const Options& options) {
  cni::Services plan;
  const Service service(object);
  const auto spec = service.spec();
  if (spec.type() == "ExternalName" || spec.cluster_ip() == "None" || spec.cluster_ip().empty())
    return plan;
  for (const Address& address : addresses_of(service, options)) {
    const std::string_view policy =
        address.external ? spec.external_traffic_policy() : spec.internal_traffic_policy();
    for (const ServicePort port : spec.ports()) {
      const std::optional<Protocol> protocol = protocol_of(port.protocol());
      const uint16_t number = port_number(address.node_port ? port.node_port() : port.port());
      if (!protocol || number == 0) continue;
      const Candidates candidates = candidates_of(slices, port, address.ip.is_ipv6(), options.node);
      plan[{address.ip, *protocol, number}] = {candidates.usable(policy == "Local"),
                                               affinity_of(service)};
    }
  }
  return plan;
}

}  // namespace kist::proxy
