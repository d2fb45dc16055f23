// What a Service needs by its type; shared by its strategy and the allocation of addresses.
#pragma once

#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {

bool needs_cluster_ip(const Value& service);  // every type but ExternalName
bool needs_node_ports(const Value& service);  // NodePort, LoadBalancer unless switched off
bool allocates_node_ports(const Value& service);
bool needs_health_check_port(const Value& service);
bool is_headless(const Value& service);

// Keeps clusterIP and clusterIPs telling the same story, and what was allocated where an update
// left it out. `old` is null for a create.
void normalize_service(Value& service, const Value* old, Allocator& allocator);

// ipFamilies and ipFamilyPolicy of a cluster that has IPv4 Services only.
void complete_ip_families(Value& service, FieldErrors& errors, Allocator& allocator);

}  // namespace kist::apiserver
