#include "src/apiserver/registry/kinds/service_validation.h"

#include <arpa/inet.h>

#include <charconv>
#include <set>
#include <tuple>

#include "src/apiserver/registry/kinds/service.h"

namespace kist::apiserver {
namespace {

constexpr int64_t kKubeletPort = 10250;
constexpr int64_t kAffinitySecondsMax = 86400;

std::string_view type_of(const Value& service) { return api::text_of(at(service, "spec"), "type"); }

const std::vector<std::string_view> kProtocols = {"SCTP", "TCP", "UDP"};

void validate_port(const Value& port, bool name_required, bool headless, const FieldPath& path,
                   std::set<std::string, std::less<>>& names, FieldErrors& errors) {
  (void)headless;
  std::string_view name = api::text_of(port, "name");
  if (name.empty()) {
    if (name_required) errors.required(path.child("name"));
  } else {
    add_messages(errors, path.child("name"), name, api::check_dns1123_label(name));
    if (!names.emplace(name).second) errors.duplicate(path.child("name"), name);
  }
  check_port(errors, path.child("port"), api::int_of(port, "port"));
  std::string_view protocol = api::text_of(port, "protocol");
  if (protocol.empty()) {
    errors.required(path.child("protocol"));
  } else {
    check_one_of(errors, path.child("protocol"), protocol, kProtocols);
  }
  check_port_number_or_name(errors, path.child("targetPort"), at(port, "targetPort"));
  std::string_view app = api::text_of(port, "appProtocol");
  if (has(port, "appProtocol")) {
    add_messages(errors, path.child("appProtocol"), app, api::check_qualified_name(app));
  }
}

// What makes a port unique, as Go writes its internal ServicePort with only that set.
api::Json port_key(std::string_view protocol, int64_t port) {
  api::Json json;
  Allocator& pool = json.allocator();
  json.root().SetObject();
  api::set(json.root(), "Name", std::string_view(), pool);
  api::set(json.root(), "Protocol", protocol, pool);
  api::set(json.root(), "AppProtocol", Value(), pool);
  api::set(json.root(), "Port", Value(port), pool);
  api::set(json.root(), "TargetPort", Value(0), pool);
  api::set(json.root(), "NodePort", Value(0), pool);
  return json;
}

void validate_ports(const Value& service, FieldErrors& errors) {
  const Value& spec = at(service, "spec");
  FieldPath path = FieldPath("spec").child("ports");
  std::set<std::string, std::less<>> names;
  std::set<std::pair<std::string_view, int64_t>> ports, node_ports;
  bool several = size_of(spec, "ports") > 1;
  each(spec, "ports", [&](const Value& port, size_t index) {
    FieldPath here = path.index(index);
    validate_port(port, several, is_headless(service), here, names, errors);
    std::string_view protocol = api::text_of(port, "protocol");
    int64_t number = api::int_of(port, "port"), node_port = api::int_of(port, "nodePort");
    if (type_of(service) == "LoadBalancer" && number == kKubeletPort) {
      errors.invalid(here, number,
                     "may not expose port 10250 externally since it is used by kubelet");
    }
    if (node_port != 0 && type_of(service) == "ClusterIP") {
      errors.forbidden(here.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
    }
    if (node_port != 0 && !node_ports.emplace(protocol, node_port).second) {
      errors.duplicate(here.child("nodePort"), node_port);
    }
    if (!ports.emplace(protocol, number).second) {
      errors.duplicate(here, port_key(protocol, number).root());
    }
  });
}

void validate_external_name(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  if (size_of(spec, "clusterIPs") > 0 || !api::text_of(spec, "clusterIP").empty()) {
    errors.forbidden(path.child("clusterIPs"), "may not be set when `type` is 'ExternalName'");
  }
  std::string_view name = api::text_of(spec, "externalName");
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty()) {
    errors.required(path.child("externalName"));
  } else {
    add_messages(errors, path.child("externalName"), name, api::check_dns1123_subdomain(name));
  }
}

void validate_type(const Value& service, const FieldPath& path, FieldErrors& errors) {
  const Value& spec = at(service, "spec");
  std::string_view type = type_of(service);
  if (type.empty()) {
    errors.required(path.child("type"));
  } else {
    check_one_of(errors, path.child("type"), type,
                 {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  }
  bool headless = is_headless(service);
  if (size_of(spec, "ports") == 0 && !headless && type != "ExternalName") {
    errors.required(path.child("ports"));
  }
  if (headless && (type == "LoadBalancer" || type == "NodePort")) {
    errors.invalid(path.child("clusterIPs").index(0), "None",
                   "may not be set to 'None' for " + std::string(type) + " services");
  }
  if (type == "ExternalName") validate_external_name(spec, path, errors);
}

void validate_affinity_config(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  std::string_view affinity = api::text_of(spec, "sessionAffinity");
  if (affinity.empty()) {
    errors.required(path.child("sessionAffinity"));
    return;
  }
  check_one_of(errors, path.child("sessionAffinity"), affinity, {"ClientIP", "None"});
  FieldPath config = path.child("sessionAffinityConfig");
  if (affinity == "None" && has(spec, "sessionAffinityConfig")) {
    errors.forbidden(config, "must not be set when session affinity is None");
  }
  if (affinity != "ClientIP") return;
  int64_t seconds = api::int_of(at(spec, "sessionAffinityConfig", "clientIP"), "timeoutSeconds");
  if (seconds <= 0 || seconds > kAffinitySecondsMax) {
    errors.invalid(config.child("clientIP").child("timeoutSeconds"), seconds,
                   "must be greater than 0 and less than 86400");
  }
}

bool is_cidr(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == text.npos) return false;
  std::string address(text.substr(0, slash));
  int bits = -1;
  auto [end, error] = std::from_chars(text.data() + slash + 1, text.data() + text.size(), bits);
  if (error != std::errc() || end != text.data() + text.size() || bits < 0) return false;
  unsigned char bytes[16];
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) return bits <= 32;
  return inet_pton(AF_INET6, address.c_str(), bytes) == 1 && bits <= 128;
}

void validate_load_balancer(const Value& service, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kOnlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";
  const Value& spec = at(service, "spec");
  bool balanced = type_of(service) == "LoadBalancer";
  if (size_of(spec, "loadBalancerSourceRanges") > 0) {
    FieldPath ranges = path.child("loadBalancerSourceRanges");
    if (!balanced) errors.forbidden(ranges, kOnlyLoadBalancer);
    each(spec, "loadBalancerSourceRanges", [&](const Value& range, size_t index) {
      if (!is_cidr(view(range))) {
        errors.invalid(ranges.index(index), view(range),
                       "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
      }
    });
  }
  if (has(spec, "allocateLoadBalancerNodePorts") && !balanced) {
    errors.forbidden(path.child("allocateLoadBalancerNodePorts"), kOnlyLoadBalancer);
  }
  if (has(spec, "loadBalancerClass")) {
    if (!balanced) errors.forbidden(path.child("loadBalancerClass"), kOnlyLoadBalancer);
    std::string_view name = api::text_of(spec, "loadBalancerClass");
    add_messages(errors, path.child("loadBalancerClass"), name, api::check_qualified_name(name));
  }
}

void validate_traffic(const Value& service, const FieldPath& path, FieldErrors& errors) {
  const Value& spec = at(service, "spec");
  std::string_view type = type_of(service);
  bool external = needs_node_ports(service) || size_of(spec, "externalIPs") > 0;
  std::string_view policy = api::text_of(spec, "externalTrafficPolicy");
  if (!policy.empty()) {
    check_one_of(errors, path.child("externalTrafficPolicy"), policy, {"Cluster", "Local"});
    if (!external) {
      errors.invalid(path.child("externalTrafficPolicy"), policy,
                     "may only be set for externally-accessible services");
    }
  } else if (external && type != "ExternalName") {
    errors.required(path.child("externalTrafficPolicy"));
  }
  std::string_view internal = api::text_of(spec, "internalTrafficPolicy");
  if (!internal.empty()) {
    check_one_of(errors, path.child("internalTrafficPolicy"), internal, {"Cluster", "Local"});
  } else if (needs_cluster_ip(service)) {
    errors.required(path.child("internalTrafficPolicy"));
  }
  int64_t port = api::int_of(spec, "healthCheckNodePort");
  if (port != 0 && !needs_health_check_port(service)) {
    errors.invalid(path.child("healthCheckNodePort"), port,
                   "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is "
                   "'Local'");
  }
  std::string_view distribution = api::text_of(spec, "trafficDistribution");
  if (has(spec, "trafficDistribution")) {
    check_one_of(errors, path.child("trafficDistribution"), distribution, {"PreferClose"});
  }
}

void validate_cluster_ips(const Value& service, const FieldPath& path, FieldErrors& errors) {
  const Value& spec = at(service, "spec");
  const Value& list = at(spec, "clusterIPs");
  std::string_view address = api::text_of(spec, "clusterIP");
  size_t count = size_of(spec, "clusterIPs");
  if (count > 0 && view(list[0]) != address) {
    errors.invalid(path.child("clusterIPs"), list, "first value must match `clusterIP`");
  }
  if (count == 0 && !address.empty()) errors.required(path.child("clusterIPs"));
  if (count > 2) {
    errors.invalid(path.child("clusterIPs"), list, "may only hold up to 2 values");
  }
  each(spec, "clusterIPs", [&](const Value& item, size_t index) {
    std::string_view text = view(item);
    if (text == "None") {
      if (count > 1) {
        errors.invalid(path.child("clusterIPs").index(index), text,
                       "'None' must be the first and only value");
      }
      return;
    }
    add_messages(errors, path.child("clusterIPs").index(index), text, api::check_ip(text));
  });
  each(spec, "ipFamilies", [&](const Value& family, size_t index) {
    check_one_of(errors, path.child("ipFamilies").index(index), view(family), {"IPv4", "IPv6"});
  });
  if (has(spec, "ipFamilyPolicy")) {
    check_one_of(errors, path.child("ipFamilyPolicy"), api::text_of(spec, "ipFamilyPolicy"),
                 {"PreferDualStack", "RequireDualStack", "SingleStack"});
  }
}

}  // namespace

void validate_service(const Value& service, FieldErrors& errors) {
  FieldPath path("spec");
  const Value& spec = at(service, "spec");
  validate_type(service, path, errors);
  validate_ports(service, errors);
  if (has(spec, "selector")) {
    api::validate_labels(at(spec, "selector"), path.child("selector"), errors);
  }
  validate_affinity_config(spec, path, errors);
  validate_cluster_ips(service, path, errors);
  each(spec, "externalIPs", [&](const Value& address, size_t index) {
    add_messages(errors, path.child("externalIPs").index(index), view(address),
                 api::check_ip(view(address)));
  });
  validate_load_balancer(service, path, errors);
  validate_traffic(service, path, errors);
}

void validate_service_update(const Value& next, const Value& old, FieldErrors& errors) {
  FieldPath path("spec");
  if (needs_cluster_ip(next) && needs_cluster_ip(old)) {
    const Value& now = at(next, "spec", "clusterIPs");
    const Value& before = at(old, "spec", "clusterIPs");
    if (before.IsArray() && now.IsArray()) {
      for (rapidjson::SizeType i = 0; i < before.Size() && i < now.Size(); ++i) {
        if (view(before[i]) == view(now[i])) continue;
        errors.invalid(path.child("clusterIPs").index(i), now, "may not change once set");
      }
    }
  }
  if (type_of(old) == "LoadBalancer" && type_of(next) == "LoadBalancer" &&
      !same(at(next, "spec", "loadBalancerClass"), at(old, "spec", "loadBalancerClass"))) {
    errors.invalid(path.child("loadBalancerClass"), at(next, "spec", "loadBalancerClass"),
                   "may not change once set");
  }
  validate_service(next, errors);
}

void validate_service_status(const Value& next, const Value&, FieldErrors& errors) {
  FieldPath path = FieldPath("status").child("loadBalancer").child("ingress");
  if (type_of(next) != "LoadBalancer" &&
      size_of(at(next, "status", "loadBalancer"), "ingress") > 0) {
    errors.forbidden(path, "may only be used when `spec.type` is \"LoadBalancer\"");
  }
  each(at(next, "status", "loadBalancer"), "ingress", [&](const Value& ingress, size_t index) {
    std::string_view ip = api::text_of(ingress, "ip");
    if (!ip.empty()) add_messages(errors, path.index(index).child("ip"), ip, api::check_ip(ip));
    std::string_view host = api::text_of(ingress, "hostname");
    if (!host.empty()) {
      add_messages(errors, path.index(index).child("hostname"), host,
                   api::check_dns1123_subdomain(host));
    }
  });
}

void warn_service(const Value& service, const Value* old, std::vector<std::string>& out) {
  if (old == nullptr || !needs_cluster_ip(*old)) {
    if (is_headless(service) && !api::text_of(at(service, "spec"), "loadBalancerIP").empty()) {
      out.push_back("spec.loadBalancerIP is ignored for headless services");
    }
    if (is_headless(service) && size_of(at(service, "spec"), "externalIPs") > 0) {
      out.push_back("spec.externalIPs is ignored for headless services");
    }
    if (is_headless(service) &&
        api::text_of(at(service, "spec"), "sessionAffinity") == "ClientIP") {
      out.push_back("spec.SessionAffinity is ignored for headless services");
    }
  }
  if (type_of(service) == "ExternalName" && size_of(at(service, "spec"), "externalIPs") > 0) {
    out.push_back("spec.externalIPs is ignored when spec.type is \"ExternalName\"");
  }
}

}  // namespace kist::apiserver
