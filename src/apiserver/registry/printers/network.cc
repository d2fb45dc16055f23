// Services, Endpoints and EndpointSlices.
#include <set>

#include "src/apiserver/registry/printers/cells.h"
#include "src/apiserver/registry/printers/printers.h"

namespace kist::apiserver {
namespace {

constexpr size_t kShownMax = 3;
constexpr size_t kBalancerTextMax = 16;

constexpr Column kServiceColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Type", "string", "", 0, "How the Service is exposed."},
    {"Cluster-IP", "string", "", 0, "Its address in the cluster."},
    {"External-IP", "string", "", 0, "Where it is reached from outside."},
    {"Port(s)", "string", "", 0, "Its ports, with node ports where it has them."},
    {"Age", "string", "", 0, "Time since the object was created."},
    {"Selector", "string", "", 1, "Which Pods it leads to."},
};

std::string balancer_addresses(const Value& service) {
  std::set<std::string_view> found;
  each(at(service, "status", "loadBalancer"), "ingress", [&](const Value& ingress, size_t) {
    std::string_view ip = api::text_of(ingress, "ip");
    if (ip.empty()) ip = api::text_of(ingress, "hostname");
    if (!ip.empty()) found.insert(ip);
  });
  std::string text;
  for (std::string_view address : found) text.append(text.empty() ? "" : ",").append(address);
  // Cells are the same for plain and wide answers here; long lists are rare enough to be cut.
  if (text.size() > kBalancerTextMax) text = text.substr(0, kBalancerTextMax - 3) + "...";
  return text;
}

std::string external_ip(const Value& service) {
  const Value& spec = at(service, "spec");
  std::string_view type = api::text_of(spec, "type");
  std::string own = join(at(spec, "externalIPs"), "");
  if (type == "ExternalName") return std::string(api::text_of(spec, "externalName"));
  if (type != "LoadBalancer") return or_none(own);
  std::string text = balancer_addresses(service);
  if (!own.empty()) text.append(text.empty() ? "" : ",").append(own);
  return text.empty() ? "<pending>" : text;
}

std::string ports_text(const Value& spec) {
  std::string text;
  each(spec, "ports", [&](const Value& port, size_t index) {
    if (index > 0) text += ',';
    text += std::to_string(api::int_of(port, "port"));
    int64_t node_port = api::int_of(port, "nodePort");
    if (node_port > 0) text += ":" + std::to_string(node_port);
    text.append("/").append(api::text_of(port, "protocol"));
  });
  return or_none(text);
}

void print_service(const Value& service, int64_t now, Value& cells, Allocator& allocator) {
  const Value& spec = at(service, "spec");
  std::string_view address;
  if (const Value& list = at(spec, "clusterIPs"); list.IsArray() && !list.Empty()) {
    address = view(list[0]);
  }
  add_cell(cells, api::text_of(at(service, "metadata"), "name"), allocator);
  add_cell(cells, api::text_of(spec, "type"), allocator);
  add_cell(cells, or_none(address), allocator);
  add_cell(cells, external_ip(service), allocator);
  add_cell(cells, ports_text(spec), allocator);
  add_cell(cells, created(service, now), allocator);
  add_cell(cells, join_labels(at(spec, "selector")), allocator);
}

// The first few of a list, and how many more there are.
class Shortened {
 public:
  void add(std::string_view text) {
    if (++count_ <= kShownMax) text_.append(count_ > 1 ? "," : "").append(text);
  }
  std::string text(std::string_view otherwise) const {
    if (count_ == 0) return std::string(otherwise);
    if (count_ <= kShownMax) return text_;
    return text_ + " + " + std::to_string(count_ - kShownMax) + " more...";
  }

 private:
  std::string text_;
  size_t count_ = 0;
};

std::string host_port(std::string_view ip, int64_t port) {
  std::string host(ip);
  if (ip.find(':') != ip.npos) host = "[" + host + "]";
  return host + ":" + std::to_string(port);
}

constexpr Column kEndpointsColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Endpoints", "string", "", 0, "Where the Service leads to."},
    {"Age", "string", "", 0, "Time since the object was created."},
};

void print_endpoints(const Value& endpoints, int64_t now, Value& cells, Allocator& allocator) {
  Shortened list;
  each(endpoints, "subsets", [&](const Value& subset, size_t) {
    if (size_of(subset, "ports") == 0) {
      each(subset, "addresses",
           [&](const Value& address, size_t) { list.add(api::text_of(address, "ip")); });
    }
    each(subset, "ports", [&](const Value& port, size_t) {
      each(subset, "addresses", [&](const Value& address, size_t) {
        list.add(host_port(api::text_of(address, "ip"), api::int_of(port, "port")));
      });
    });
  });
  add_cell(cells, api::text_of(at(endpoints, "metadata"), "name"), allocator);
  add_cell(cells, list.text("<none>"), allocator);
  add_cell(cells, created(endpoints, now), allocator);
}

constexpr Column kSliceColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"AddressType", "string", "", 0, "What kind of addresses it holds."},
    {"Ports", "string", "", 0, "The ports of every endpoint."},
    {"Endpoints", "string", "", 0, "The addresses of the endpoints."},
    {"Age", "string", "", 0, "Time since the object was created."},
};

void print_slice(const Value& slice, int64_t now, Value& cells, Allocator& allocator) {
  Shortened ports, endpoints;
  each(slice, "ports", [&](const Value& port, size_t) {
    std::string_view name = api::text_of(port, "name");
    if (has(port, "port")) {
      ports.add(std::to_string(api::int_of(port, "port")));
    } else {
      ports.add(name.empty() ? "*" : name);
    }
  });
  each(slice, "endpoints", [&](const Value& endpoint, size_t) {
    each(endpoint, "addresses",
         [&](const Value& address, size_t) { endpoints.add(view(address)); });
  });
  add_cell(cells, api::text_of(at(slice, "metadata"), "name"), allocator);
  add_cell(cells, api::text_of(slice, "addressType"), allocator);
  add_cell(cells, ports.text("<unset>"), allocator);
  add_cell(cells, endpoints.text("<unset>"), allocator);
  add_cell(cells, created(slice, now), allocator);
}

}  // namespace

const Printer kServicePrinter = {kServiceColumns, print_service};
const Printer kEndpointsPrinter = {kEndpointsColumns, print_endpoints};
const Printer kEndpointSlicePrinter = {kSliceColumns, print_slice};

}  // namespace kist::apiserver
