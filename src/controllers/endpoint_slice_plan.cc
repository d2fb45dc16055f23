// Which endpoints go into which slice: a pure function of the Service, its pods and its slices.
#include <algorithm>
#include <deque>
#include <map>

#include "src/controllers/endpoint_slice.h"

namespace kist::controllers {
namespace {

using client::Object;
using client::ObjectList;
using client::ObjectPtr;

// Endpoints of one family and one set of ports share slices.
struct Kind {
  bool ipv6 = false;
  EndpointPorts ports;
  auto operator<=>(const Kind&) const = default;
};

Value conditions_of(const ServiceView& service, const Object& pod, Allocator& pool) {
  const bool serving = pod_view(pod).ready;
  Value conditions(rapidjson::kObjectType);
  set_bool(conditions, "ready", service.publish_not_ready || (serving && !pod.deleting), pool);
  set_bool(conditions, "serving", serving, pool);
  set_bool(conditions, "terminating", pod.deleting, pool);
  return conditions;
}

Value endpoint_of(const ServiceView& service, const Object& pod, bool ipv6, Allocator& pool) {
  const PodView& view = pod_view(pod);
  Value endpoint(rapidjson::kObjectType);
  for (const std::string_view ip : view.ips)
    if ((ip.find(':') != ip.npos) == ipv6)
      push(endpoint, "addresses",
           Value(ip.data(), static_cast<rapidjson::SizeType>(ip.size()), pool), pool);
  api::set(endpoint, "conditions", conditions_of(service, pod, pool), pool);
  if (const std::string_view hostname = hostname_for(service, view); !hostname.empty())
    api::set(endpoint, "hostname", hostname, pool);
  if (!view.node.empty()) api::set(endpoint, "nodeName", view.node, pool);
  api::set(endpoint, "targetRef", pod_reference(pod, pool), pool);
  return endpoint;
}

EndpointPorts slice_ports(const Value& slice) {
  EndpointPorts ports;
  for (const Value& port : elements(slice, "ports"))
    ports.push_back({std::string(api::text_of(port, "name")),
                     std::string(api::text_of(port, "protocol")),
                     std::string(api::text_of(port, "appProtocol")), api::int_of(port, "port")});
  std::sort(ports.begin(), ports.end());
  return ports;
}

Value slice_labels(const ServiceView& service, Allocator& pool) {
  Value labels = api::copy(child_of(metadata_of(*service.object), "labels"), pool);
  api::set(labels, kServiceNameLabel, service.name, pool);
  api::set(labels, kSliceManagedBy, kSliceManager, pool);
  if (service.headless)
    api::set(labels, kHeadlessLabel, "", pool);
  else
    api::remove(labels, kHeadlessLabel);
  return labels;
}

Json empty_slice(const ServiceView& service, const Kind& kind) {
  Json json;
  Allocator& pool = json.allocator();
  Value& slice = json.root();
  slice.SetObject();
  api::set(slice, "apiVersion", "discovery.k8s.io/v1", pool);
  api::set(slice, "kind", "EndpointSlice", pool);
  Value& metadata = api::child(slice, "metadata", pool);
  api::set(metadata, "generateName", service.name + "-", pool);
  api::set(metadata, "namespace", service.space, pool);
  push(metadata, "ownerReferences", owner_reference(*service.object, pool), pool);
  api::set(slice, "addressType", kind.ipv6 ? "IPv6" : "IPv4", pool);
  for (const EndpointPort& port : kind.ports) {
    Value value(rapidjson::kObjectType);
    api::set(value, "name", port.name, pool);
    api::set(value, "protocol", port.protocol, pool);
    set_int(value, "port", port.number, pool);
    if (!port.app_protocol.empty()) api::set(value, "appProtocol", port.app_protocol, pool);
    push(slice, "ports", std::move(value), pool);
  }
  return json;
}

// The slice with these endpoints and the Service's labels; false: it already says all that.
bool fill(Json& json, const ServiceView& service, bool ipv6, const ObjectList& pods) {
  Allocator& pool = json.allocator();
  Value& slice = json.root();
  Value endpoints(rapidjson::kArrayType);
  for (const ObjectPtr& pod : pods)
    endpoints.PushBack(endpoint_of(service, *pod, ipv6, pool), pool);
  Value labels = slice_labels(service, pool);
  const Value none(rapidjson::kArrayType);
  const Value* before = api::find(slice, "endpoints");
  if (before == nullptr || !before->IsArray()) before = &none;
  const bool same =
      api::equal(*before, endpoints) && api::equal(child_of(metadata_of(slice), "labels"), labels);
  if (same) return false;
  api::set(slice, "endpoints", std::move(endpoints), pool);
  Value& metadata = api::child(slice, "metadata", pool);
  api::set(metadata, "labels", std::move(labels), pool);
  api::set(api::child(metadata, "annotations", pool), kChangeTime,
           change_time(*service.object, pods), pool);
  return true;
}

// Pods that a slice already holds stay in it.
ObjectList keep_present(const Value& slice, std::map<std::string_view, ObjectPtr>& waiting) {
  ObjectList kept;
  for (const Value& endpoint : elements(slice, "endpoints")) {
    const auto found = waiting.find(api::text_of(child_of(endpoint, "targetRef"), "uid"));
    if (found == waiting.end()) continue;
    kept.push_back(std::move(found->second));
    waiting.erase(found);
  }
  return kept;
}

void top_up(ObjectList& slice, std::map<std::string_view, ObjectPtr>& waiting) {
  while (slice.size() < kSliceEndpointsMax && !waiting.empty())
    slice.push_back(std::move(waiting.extract(waiting.begin()).mapped()));
}

struct Old {
  ObjectPtr object;
  Json json;
  ObjectList pods;
};

void plan_kind(const ServiceView& service, const Kind& kind,
               std::map<std::string_view, ObjectPtr> waiting, std::vector<Old> old, bool needs_one,
               SlicePlan& plan) {
  for (Old& slice : old) slice.pods = keep_present(slice.json.root(), waiting);
  bool any = false;
  for (Old& slice : old) {
    top_up(slice.pods, waiting);
    if (slice.pods.empty() && (any || !needs_one)) {
      plan.remove.push_back(slice.object);
      continue;
    }
    any = true;
    if (fill(slice.json, service, kind.ipv6, slice.pods))
      plan.update.push_back(std::move(slice.json));
  }
  while (!waiting.empty() || (needs_one && !any)) {
    any = true;
    ObjectList pods;
    top_up(pods, waiting);
    Json slice = empty_slice(service, kind);
    fill(slice, service, kind.ipv6, pods);
    if (api::find(slice.root(), "endpoints") == nullptr)
      api::set(slice.root(), "endpoints", Value(rapidjson::kArrayType), slice.allocator());
    plan.create.push_back(std::move(slice));
  }
}

}  // namespace

SlicePlan plan_slices(const ServiceView& service, const ObjectList& backing,
                      const ObjectList& present) {
  std::map<Kind, std::map<std::string_view, ObjectPtr>> wanted;
  const bool families[] = {false, true};
  for (const bool ipv6 : families) {
    if (!(ipv6 ? service.ipv6 : service.ipv4)) continue;
    bool found = false;
    for (const ObjectPtr& pod : backing) {
      const auto& ips = pod_view(*pod).ips;
      const bool has = std::any_of(ips.begin(), ips.end(), [&](std::string_view ip) {
        return (ip.find(':') != ip.npos) == ipv6;
      });
      if (!has) continue;
      Kind kind{ipv6, ports_for(*service.object, pod_view(*pod))};
      std::sort(kind.ports.begin(), kind.ports.end());
      wanted[std::move(kind)].emplace(pod->uid, pod);
      found = true;
    }
    // Readers tell "no endpoints" from "not yet looked at" by an empty slice.
    if (!found) wanted[Kind{ipv6, {}}];
  }
  std::map<Kind, std::vector<Old>> old;
  SlicePlan plan;
  for (const ObjectPtr& object : present) {
    Json json = object->parse();
    Kind kind{api::text_of(json.root(), "addressType") == "IPv6", slice_ports(json.root())};
    if (!wanted.contains(kind))
      plan.remove.push_back(object);
    else
      old[kind].push_back({object, std::move(json), {}});
  }
  for (auto& [kind, pods] : wanted) {
    const bool placeholder = pods.empty();
    plan_kind(service, kind, std::move(pods), std::move(old[kind]), placeholder, plan);
  }
  return plan;
}

}  // namespace kist::controllers
