// See endpoints.h.
#include "src/controllers/endpoints.h"

#include <algorithm>
#include <map>

namespace kist::controllers {
namespace {

using client::ObjectList;
using client::ObjectPtr;

constexpr std::string_view kManagedBy = "endpoints.kubernetes.io/managed-by";
constexpr std::string_view kOverCapacity = "endpoints.kubernetes.io/over-capacity";

struct Subset {
  ObjectList ready, not_ready;
};

// The pod's address in the Service's first family; empty: it has none.
std::string_view address_of(const ServiceView& service, const PodView& pod) {
  for (const std::string_view ip : pod.ips)
    if ((ip.find(':') != ip.npos) == (!service.ipv4 && service.ipv6)) return ip;
  return {};
}

std::map<EndpointPorts, Subset> group(const ServiceView& service, const ObjectList& backing) {
  std::map<EndpointPorts, Subset> subsets;
  size_t total = 0;
  const bool portless = service.headless && elements(spec_of(*service.object), "ports").empty();
  const auto add = [&](const ObjectPtr& pod, bool ready) {
    EndpointPorts ports = ports_for(*service.object, pod_view(*pod));
    std::sort(ports.begin(), ports.end());
    if ((ports.empty() && !portless) || total >= kEndpointsAddressesMax) return;
    ++total;
    Subset& subset = subsets[std::move(ports)];
    (ready ? subset.ready : subset.not_ready).push_back(pod);
  };
  const auto usable = [&](const ObjectPtr& pod) {
    return (!pod->deleting || service.publish_not_ready) &&
           !address_of(service, pod_view(*pod)).empty();
  };
  const auto is_ready = [&](const ObjectPtr& pod) {
    return service.publish_not_ready || pod_view(*pod).ready;
  };
  // Where not all fit the ready ones come first.
  for (const bool ready : {true, false})
    for (const ObjectPtr& pod : backing)
      if (usable(pod) && is_ready(pod) == ready) add(pod, ready);
  return subsets;
}

void add_addresses(Value& subset, std::string_view member, const ServiceView& service,
                   ObjectList pods, Allocator& pool) {
  std::sort(pods.begin(), pods.end(), [](const ObjectPtr& a, const ObjectPtr& b) {
    return std::tie(pod_view(*a).ip, a->uid) < std::tie(pod_view(*b).ip, b->uid);
  });
  for (const ObjectPtr& pod : pods) {
    const PodView& view = pod_view(*pod);
    Value address(rapidjson::kObjectType);
    api::set(address, "ip", address_of(service, view), pool);
    if (const std::string_view hostname = hostname_for(service, view); !hostname.empty())
      api::set(address, "hostname", hostname, pool);
    if (!view.node.empty()) api::set(address, "nodeName", view.node, pool);
    api::set(address, "targetRef", pod_reference(*pod, pool), pool);
    push(subset, member, std::move(address), pool);
  }
}

void add_subset(Value& endpoints, const ServiceView& service, const EndpointPorts& ports,
                const Subset& pods, Allocator& pool) {
  Value subset(rapidjson::kObjectType);
  add_addresses(subset, "addresses", service, pods.ready, pool);
  add_addresses(subset, "notReadyAddresses", service, pods.not_ready, pool);
  for (const EndpointPort& port : ports) {
    Value value(rapidjson::kObjectType);
    if (!port.name.empty()) api::set(value, "name", port.name, pool);
    set_int(value, "port", port.number, pool);
    api::set(value, "protocol", port.protocol, pool);
    if (!port.app_protocol.empty()) api::set(value, "appProtocol", port.app_protocol, pool);
    push(subset, "ports", std::move(value), pool);
  }
  push(endpoints, "subsets", std::move(subset), pool);
}

bool same_content(const Value& a, const Value& b) {
  return api::equal(child_of(a, "subsets"), child_of(b, "subsets")) &&
         api::equal(child_of(metadata_of(a), "labels"), child_of(metadata_of(b), "labels"));
}

}  // namespace

Json make_endpoints(const ServiceView& service, const ObjectList& backing, const Value& present) {
  Json json = present.IsObject() ? copy_of(present) : Json();
  Allocator& pool = json.allocator();
  Value& endpoints = json.root();
  if (!present.IsObject()) {
    endpoints.SetObject();
    api::set(endpoints, "apiVersion", "v1", pool);
    api::set(endpoints, "kind", "Endpoints", pool);
  }
  Value& metadata = api::child(endpoints, "metadata", pool);
  api::set(metadata, "name", service.name, pool);
  api::set(metadata, "namespace", service.space, pool);
  const Value& labels = child_of(metadata_of(*service.object), "labels");
  api::set(metadata, "labels", api::copy(labels, pool), pool);
  Value& own_labels = api::child(metadata, "labels", pool);
  api::set(own_labels, kManagedBy, "endpoint-controller", pool);
  if (service.headless) api::set(own_labels, kHeadlessLabel, "", pool);
  Value& annotations = api::child(metadata, "annotations", pool);
  api::set(annotations, kChangeTime, change_time(*service.object, backing), pool);
  if (backing.size() > kEndpointsAddressesMax)
    api::set(annotations, kOverCapacity, "truncated", pool);
  else
    api::remove(annotations, kOverCapacity);
  api::remove(endpoints, "subsets");
  for (const auto& [ports, pods] : group(service, backing))
    add_subset(endpoints, service, ports, pods, pool);
  return json;
}

EndpointsController::EndpointsController(Context context)
    : context_(context),
      services_(context.caches.of(client::kServices)),
      pods_(context.caches.of(client::kPods, project_pod)),
      endpoints_(context.caches.of(client::kEndpoints)),
      queue_(context.runner.add(*this)) {
  watch_service_pods(services_, pods_, queue_);
  endpoints_.on_change([this](const ObjectPtr& old, const ObjectPtr& next) {
    queue_.add((next ? next : old)->key());
  });
}

Result<> EndpointsController::remove(const std::string& space, const std::string& name) {
  const Result<> removed = context_.client.remove(client::kEndpoints, space, name);
  if (!removed.ok() && removed.error().code != Code::kNotFound) return removed.error();
  return {};
}

Result<client::Next> EndpointsController::reconcile(const std::string& key) {
  const auto [space, name] = split_key(key);
  const ObjectPtr object = services_.get(space, name);
  const ObjectPtr present = endpoints_.get(space, name);
  if (!object) {
    // Only what we wrote goes with the Service: others may keep Endpoints by hand (leader
    // election).
    if (present && present->labels.end() !=
                       std::find_if(present->labels.begin(), present->labels.end(),
                                    [](const auto& label) { return label.first == kManagedBy; }))
      TRY(remove(space, name));
    return client::Next{};
  }
  const Json service = object->parse();
  const ServiceView view = view_service(service.root());
  if (!view.selects || object->deleting) return client::Next{};

  const Json now = present ? present->parse() : Json();
  const Json wanted = make_endpoints(view, backing_pods(view, pods_.list(space)), now.root());
  if (present && same_content(now.root(), wanted.root())) return client::Next{};
  Result<Json> written = present ? context_.client.update(client::kEndpoints, wanted.root())
                                 : context_.client.create(client::kEndpoints, space, wanted.root());
  // The namespace is ending: what is left of it needs no endpoints.
  if (!written.ok() && written.error().code == Code::kForbidden) return client::Next{};
  if (!written.ok()) return written.error();
  TRY(endpoints_.wait_for(client::revision_of(written.value().root())));
  return client::Next{};
}

}  // namespace kist::controllers
