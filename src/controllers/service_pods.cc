// See service_pods.h.
#include "src/controllers/service_pods.h"

#include <algorithm>
#include <chrono>

#include "kist/client/times.h"

namespace kist::controllers {
namespace {

using client::ObjectList;
using client::ObjectPtr;

// A plain map, not a LabelSelector.
const Value& selector_map(const Value& service) { return child_of(spec_of(service), "selector"); }

bool selects(const Value& service) {
  const Value& selector = selector_map(service);
  return selector.IsObject() && !selector.ObjectEmpty();
}

int64_t target_number(const Value& port, const PodView& pod, std::string_view protocol) {
  const Value* target = api::find(port, "targetPort");
  if (target == nullptr) return api::int_of(port, "port");
  if (target->IsInt64())
    return target->GetInt64() != 0 ? target->GetInt64() : api::int_of(port, "port");
  if (!target->IsString()) return 0;
  for (const PodPort& named : pod.ports)
    if (named.name == target->GetString() && named.protocol == protocol) return named.number;
  return 0;
}

// What of a pod shows in endpoints; other changes wake nobody.
bool same_to_services(const client::Object& a, const client::Object& b) {
  const PodView& x = pod_view(a);
  const PodView& y = pod_view(b);
  return a.deleting == b.deleting && a.labels == b.labels && x.ready == y.ready && x.ips == y.ips &&
         x.terminal() == y.terminal() && x.node == y.node;
}

void wake_services(const client::Cache& services, const client::Object& pod,
                   client::WorkQueue& queue) {
  for (const ObjectPtr& service : services.list(pod.space)) {
    const Json json = service->parse();
    if (selects(json.root()) &&
        matches(api::Selector::from_map(selector_map(json.root())), pod.labels))
      queue.add(service->key());
  }
}

}  // namespace

ServiceView view_service(const Value& service) {
  ServiceView view;
  const Value& spec = spec_of(service);
  view.space = api::text_of(metadata_of(service), "namespace");
  view.name = api::text_of(metadata_of(service), "name");
  view.uid = api::text_of(metadata_of(service), "uid");
  view.selects = selects(service) && api::text_of(spec, "type") != "ExternalName";
  view.headless = api::text_of(spec, "clusterIP") == "None";
  view.publish_not_ready = api::bool_of(spec, "publishNotReadyAddresses");
  const auto families = elements(spec, "ipFamilies");
  if (!families.empty()) {
    const auto has = [&](std::string_view family) {
      return std::any_of(families.begin(), families.end(),
                         [&](const Value& f) { return as_text(f) == family; });
    };
    view.ipv4 = has("IPv4");
    view.ipv6 = has("IPv6");
  }
  view.object = &service;
  return view;
}

EndpointPorts ports_for(const Value& service, const PodView& pod) {
  EndpointPorts ports;
  for (const Value& port : elements(spec_of(service), "ports")) {
    const std::string_view declared = api::text_of(port, "protocol");
    const std::string protocol(declared.empty() ? "TCP" : declared);
    const int64_t number = target_number(port, pod, protocol);
    if (number > 0)
      ports.push_back({std::string(api::text_of(port, "name")), protocol,
                       std::string(api::text_of(port, "appProtocol")), number});
  }
  return ports;
}

ObjectList backing_pods(const ServiceView& service, const ObjectList& pods) {
  ObjectList backing;
  const api::Selector selector = api::Selector::from_map(selector_map(*service.object));
  std::copy_if(pods.begin(), pods.end(), std::back_inserter(backing), [&](const ObjectPtr& pod) {
    return !pod_view(*pod).terminal() && !pod_view(*pod).ips.empty() &&
           matches(selector, pod->labels);
  });
  return backing;
}

std::string_view hostname_for(const ServiceView& service, const PodView& pod) {
  return pod.subdomain == service.name ? pod.hostname : std::string_view();
}

Value pod_reference(const client::Object& pod, Allocator& pool) {
  Value reference(rapidjson::kObjectType);
  api::set(reference, "kind", "Pod", pool);
  api::set(reference, "namespace", pod.space, pool);
  api::set(reference, "name", pod.name, pool);
  api::set(reference, "uid", pod.uid, pool);
  return reference;
}

std::string change_time(const Value& service, const ObjectList& pods) {
  int64_t latest = client::unix_seconds(api::text_of(metadata_of(service), "creationTimestamp"));
  for (const ObjectPtr& pod : pods) latest = std::max(latest, pod_view(*pod).ready_changed_seconds);
  return format_rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(latest)));
}

void watch_service_pods(client::Cache& services, client::Cache& pods, client::WorkQueue& queue) {
  services.on_change([&queue](const ObjectPtr& old, const ObjectPtr& next) {
    queue.add((next ? next : old)->key());
  });
  pods.on_change([&services, &queue](const ObjectPtr& old, const ObjectPtr& next) {
    if (old && next && same_to_services(*old, *next)) return;
    if (next) wake_services(services, *next, queue);
    if (old && (!next || old->labels != next->labels)) wake_services(services, *old, queue);
  });
}

}  // namespace kist::controllers
