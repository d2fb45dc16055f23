// Which pods stand behind a Service and under which ports: shared by Endpoints and EndpointSlices.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "src/controllers/context.h"
#include "src/controllers/pod_view.h"

namespace kist::controllers {

inline constexpr std::string_view kChangeTime = "endpoints.kubernetes.io/last-change-trigger-time";
inline constexpr std::string_view kHeadlessLabel = "service.kubernetes.io/headless";

struct EndpointPort {
  std::string name, protocol, app_protocol;
  int64_t number = 0;
  auto operator<=>(const EndpointPort&) const = default;
};
using EndpointPorts = std::vector<EndpointPort>;

// What a Service asks for.
struct ServiceView {
  std::string space, name, uid;
  bool selects = false;  // has a selector; without one its endpoints are somebody else's
  bool headless = false, publish_not_ready = false;
  bool ipv4 = true, ipv6 = false;
  const Value* object = nullptr;
};
ServiceView view_service(const Value& service);

// The pod's number for each of the Service's ports; ports that the pod does not name are left out.
EndpointPorts ports_for(const Value& service, const PodView& pod);
// The pods that the selector takes and that have an address and are not at their end.
client::ObjectList backing_pods(const ServiceView& service, const client::ObjectList& pods);
// The pod's name under a headless Service: spec.hostname, if its subdomain is the Service.
std::string_view hostname_for(const ServiceView& service, const PodView& pod);
Value pod_reference(const client::Object& pod, Allocator& pool);
// The latest moment at which one of them became ready or not, or at which the Service was made.
std::string change_time(const Value& service, const client::ObjectList& pods);

// Wakes `queue` with the keys of the Services that a changed pod is, or was, behind.
void watch_service_pods(client::Cache& services, client::Cache& pods, client::WorkQueue& queue);

}  // namespace kist::controllers
