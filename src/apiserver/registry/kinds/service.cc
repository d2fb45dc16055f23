// Services: defaults, and what is kept and dropped when one changes its type.
#include "src/apiserver/registry/kinds/service.h"

#include <set>
#include <string>

#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/service_validation.h"

namespace kist::apiserver {
namespace {

std::string_view type_of(const Value& service) { return api::text_of(at(service, "spec"), "type"); }

bool needs_external_policy(const Value& service) {
  std::string_view type = type_of(service);
  return type == "NodePort" || type == "LoadBalancer" ||
         (type == "ClusterIP" && size_of(at(service, "spec"), "externalIPs") > 0);
}

void service_defaults(Value& service, Allocator& allocator) {
  Value& spec = api::child(service, "spec", allocator);
  default_text(spec, "sessionAffinity", "None", allocator);
  default_text(spec, "type", "ClusterIP", allocator);
  if (api::text_of(spec, "sessionAffinity") == "None") api::remove(spec, "sessionAffinityConfig");
  if (api::text_of(spec, "sessionAffinity") == "ClientIP") {
    Value& config = api::child(spec, "sessionAffinityConfig", allocator);
    default_int(api::child(config, "clientIP", allocator), "timeoutSeconds", 10800, allocator);
  }
  each(spec, "ports", [&](Value& port, size_t) {
    default_text(port, "protocol", "TCP", allocator);
    const Value& target = at(port, "targetPort");
    bool unset = target.IsNull() || (target.IsInt64() && target.GetInt64() == 0) ||
                 (target.IsString() && view(target).empty());
    if (unset) put(port, "targetPort", at(port, "port"), allocator);
  });
  if (needs_external_policy(service)) {
    default_text(spec, "externalTrafficPolicy", "Cluster", allocator);
  }
  if (needs_cluster_ip(service)) {
    default_text(spec, "internalTrafficPolicy", "Cluster", allocator);
  }
  if (type_of(service) == "LoadBalancer") {
    default_bool(spec, "allocateLoadBalancerNodePorts", true, allocator);
  }
}

void service_prepare_create(Value& service, Allocator& allocator) {
  Value status(rapidjson::kObjectType);
  api::child(status, "loadBalancer", allocator);
  api::set(service, "status", std::move(status), allocator);
}

// Clears `member` when the new type has no use for it and the client did not touch it.
void drop_if_untouched(Value& next, const Value& old, std::string_view member) {
  if (same(at(next, member), at(old, member))) api::remove(next, member);
}

void drop_node_ports(Value& spec, const Value& old_spec) {
  std::multiset<int64_t> before, after;
  each(std::as_const(spec), "ports",
       [&](const Value& port, size_t) { after.insert(api::int_of(port, "nodePort")); });
  each(old_spec, "ports",
       [&](const Value& port, size_t) { before.insert(api::int_of(port, "nodePort")); });
  if (before != after) return;
  each(spec, "ports", [](Value& port, size_t) { api::remove(port, "nodePort"); });
}

void service_prepare_update(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "status", allocator);
  Value& spec = api::child(next, "spec", allocator);
  const Value& old_spec = at(old, "spec");
  if (needs_cluster_ip(old) && !needs_cluster_ip(next)) {
    for (auto member :
         {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"}) {
      drop_if_untouched(spec, old_spec, member);
    }
  }
  if (needs_node_ports(old) && !needs_node_ports(next)) drop_node_ports(spec, old_spec);
  if (needs_health_check_port(old) && !needs_health_check_port(next)) {
    drop_if_untouched(spec, old_spec, "healthCheckNodePort");
  }
  if (type_of(old) == "LoadBalancer" && type_of(next) != "LoadBalancer") {
    drop_if_untouched(spec, old_spec, "allocateLoadBalancerNodePorts");
    drop_if_untouched(spec, old_spec, "loadBalancerClass");
    api::remove(api::child(next, "status", allocator), "loadBalancer");
  }
  if (needs_external_policy(old) && !needs_external_policy(next)) {
    drop_if_untouched(spec, old_spec, "externalTrafficPolicy");
  }
  if (type_of(old) == "ExternalName" && type_of(next) != "ExternalName") {
    drop_if_untouched(spec, old_spec, "externalName");
  }
}

void service_prepare_status(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "spec", allocator);
}

// After an update: a node port that was allocated stays with its port.
void keep_node_ports(Value& spec, const Value& old_spec, Allocator& allocator) {
  std::set<int64_t> used;
  each(std::as_const(spec), "ports",
       [&](const Value& port, size_t) { used.insert(api::int_of(port, "nodePort")); });
  each(spec, "ports", [&](Value& port, size_t) {
    if (api::int_of(port, "nodePort") != 0) return;
    each(old_spec, "ports", [&](const Value& before, size_t) {
      int64_t number = api::int_of(before, "nodePort");
      if (number == 0 || used.contains(number) || api::int_of(port, "nodePort") != 0) return;
      if (api::text_of(before, "protocol") != api::text_of(port, "protocol") ||
          api::int_of(before, "port") != api::int_of(port, "port")) {
        return;
      }
      api::set(port, "nodePort", Value(number), allocator);
      used.insert(number);
    });
  });
}

void set_cluster_ips(Value& spec, std::string_view address, Allocator& allocator) {
  Value list(rapidjson::kArrayType);
  list.PushBack(Value(address.data(), static_cast<rapidjson::SizeType>(address.size()), allocator),
                allocator);
  api::set(spec, "clusterIPs", std::move(list), allocator);
}

void sync_cluster_ips(Value& spec, const Value& old_spec, Allocator& allocator) {
  std::string address(api::text_of(spec, "clusterIP"));
  const Value& list = at(spec, "clusterIPs");
  bool address_same = address == api::text_of(old_spec, "clusterIP");
  bool list_same = same(list, at(old_spec, "clusterIPs"));
  if (!address_same && list_same) {
    if (address.empty()) {
      api::remove(spec, "clusterIPs");
    } else {
      set_cluster_ips(spec, address, allocator);
    }
  } else if (address_same && !list_same) {
    if (size_of(spec, "clusterIPs") == 0) {
      api::remove(spec, "clusterIP");
    } else {
      std::string first(view(list[0]));
      api::set(spec, "clusterIP", std::string_view(first), allocator);
    }
  }
}

}  // namespace

bool needs_cluster_ip(const Value& service) {
  std::string_view type = type_of(service);
  return type == "ClusterIP" || type == "NodePort" || type == "LoadBalancer";
}

bool allocates_node_ports(const Value& service) {
  std::string_view type = type_of(service);
  return type == "NodePort" ||
         (type == "LoadBalancer" &&
          api::bool_of(at(service, "spec"), "allocateLoadBalancerNodePorts", true));
}

bool needs_node_ports(const Value& service) {
  std::string_view type = type_of(service);
  return type == "NodePort" || type == "LoadBalancer";
}

bool needs_health_check_port(const Value& service) {
  return type_of(service) == "LoadBalancer" &&
         api::text_of(at(service, "spec"), "externalTrafficPolicy") == "Local";
}

bool is_headless(const Value& service) {
  const Value& spec = at(service, "spec");
  const Value& list = at(spec, "clusterIPs");
  if (list.IsArray() && list.Size() == 1) return view(list[0]) == "None";
  return api::text_of(spec, "clusterIP") == "None";
}

void normalize_service(Value& service, const Value* old, Allocator& allocator) {
  static const Value kNull;
  Value& spec = api::child(service, "spec", allocator);
  const Value& old_spec = old == nullptr ? kNull : at(*old, "spec");
  if (old == nullptr) {
    std::string address(api::text_of(spec, "clusterIP"));
    if (!address.empty() && size_of(spec, "clusterIPs") == 0) {
      set_cluster_ips(spec, address, allocator);
    }
    return;
  }
  sync_cluster_ips(spec, old_spec, allocator);
  if (needs_cluster_ip(*old) && needs_cluster_ip(service)) {
    bool left_out = api::text_of(spec, "clusterIP").empty();
    if (left_out) keep_member(spec, old_spec, "clusterIP", allocator);
    if (size_of(spec, "clusterIPs") == 0 &&
        api::text_of(spec, "clusterIP") == api::text_of(old_spec, "clusterIP")) {
      keep_member(spec, old_spec, "clusterIPs", allocator);
    }
    if (!has(spec, "ipFamilies")) keep_member(spec, old_spec, "ipFamilies", allocator);
    if (!has(spec, "ipFamilyPolicy")) keep_member(spec, old_spec, "ipFamilyPolicy", allocator);
  }
  if (needs_node_ports(*old) && needs_node_ports(service)) {
    keep_node_ports(spec, old_spec, allocator);
  }
  if (needs_health_check_port(*old) && needs_health_check_port(service) &&
      api::int_of(spec, "healthCheckNodePort") == 0) {
    keep_member(spec, old_spec, "healthCheckNodePort", allocator);
  }
}

void complete_ip_families(Value& service, FieldErrors& errors, Allocator& allocator) {
  if (!needs_cluster_ip(service)) return;
  Value& spec = api::child(service, "spec", allocator);
  FieldPath path("spec");
  bool any_family = is_headless(service) && size_of(spec, "selector") == 0;
  std::string_view policy = api::text_of(spec, "ipFamilyPolicy");
  size_t families = size_of(spec, "ipFamilies");
  if (!any_family) {
    if (policy == "RequireDualStack") {
      errors.invalid(path.child("ipFamilyPolicy"), policy,
                     "this cluster is not configured for dual-stack services");
    }
    each(std::as_const(spec), "ipFamilies", [&](const Value& family, size_t index) {
      if (view(family) == "IPv6") {
        errors.invalid(path.child("ipFamilies").index(index), view(family),
                       "not configured on this cluster");
      }
    });
  }
  if (policy.empty()) {
    bool dual = any_family && families != 1;
    api::set(spec, "ipFamilyPolicy", std::string_view(dual ? "RequireDualStack" : "SingleStack"),
             allocator);
  }
  if (families > 0) return;
  Value list(rapidjson::kArrayType);
  list.PushBack("IPv4", allocator);
  if (any_family && api::text_of(spec, "ipFamilyPolicy") != "SingleStack") {
    list.PushBack("IPv6", allocator);
  }
  api::set(spec, "ipFamilies", std::move(list), allocator);
}

const Strategy kServiceStrategy = {
    .set_defaults = service_defaults,
    .prepare_create = service_prepare_create,
    .prepare_update = service_prepare_update,
    .prepare_status_update = service_prepare_status,
    .validate = validate_service,
    .validate_update = validate_service_update,
    .validate_status_update = validate_service_status,
    .warnings = warn_service,
    .name_check = api::check_dns1035_label,
    .create_on_update = true,
};

}  // namespace kist::apiserver
