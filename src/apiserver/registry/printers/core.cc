// Nodes, Events, Namespaces, and the kinds that show little more than their age.
#include <algorithm>
#include <set>

#include "src/apiserver/registry/printers/cells.h"
#include "src/apiserver/registry/printers/printers.h"

namespace kist::apiserver {
namespace {

constexpr Column kName = {"Name", "string", "name", 0, "Name must be unique within a namespace."};
constexpr Column kAge = {"Age", "string", "", 0, "Time since the object was created."};

std::string_view name_of(const Value& object) {
  return api::text_of(at(object, "metadata"), "name");
}

constexpr Column kNodeColumns[] = {
    kName,
    {"Status", "string", "", 0, "Whether the node is ready, and takes new Pods."},
    {"Roles", "string", "", 0, "The roles that its labels name."},
    kAge,
    {"Version", "string", "", 0, "Version of the node agent."},
    {"Internal-IP", "string", "", 1, "Its address inside the cluster's network."},
    {"External-IP", "string", "", 1, "Its address outside."},
    {"OS-Image", "string", "", 1, "Its operating system."},
    {"Kernel-Version", "string", "", 1, "Its kernel."},
    {"Container-Runtime", "string", "", 1, "What runs its containers."},
};

std::string node_status(const Value& node) {
  std::string text = "Unknown";
  each(at(node, "status"), "conditions", [&](const Value& condition, size_t) {
    if (api::text_of(condition, "type") != "Ready") return;
    text = api::text_of(condition, "status") == "True" ? "Ready" : "NotReady";
  });
  if (api::bool_of(at(node, "spec"), "unschedulable")) text += ",SchedulingDisabled";
  return text;
}

std::string node_roles(const Value& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::set<std::string_view> roles;
  each_member(at(node, "metadata"), "labels", [&](std::string_view key, const Value& value) {
    if (key.starts_with(kPrefix) && key.size() > kPrefix.size()) {
      roles.insert(key.substr(kPrefix.size()));
    } else if (key == "kubernetes.io/role" && !view(value).empty()) {
      roles.insert(view(value));
    }
  });
  std::string text;
  for (std::string_view role : roles) text.append(text.empty() ? "" : ",").append(role);
  return or_none(text);
}

std::string node_address(const Value& node, std::string_view type) {
  std::string_view found;
  each(at(node, "status"), "addresses", [&](const Value& address, size_t) {
    if (found.empty() && api::text_of(address, "type") == type) {
      found = api::text_of(address, "address");
    }
  });
  return or_none(found);
}

void print_node(const Value& node, int64_t now, Value& cells, Allocator& allocator) {
  const Value& info = at(node, "status", "nodeInfo");
  add_cell(cells, name_of(node), allocator);
  add_cell(cells, node_status(node), allocator);
  add_cell(cells, node_roles(node), allocator);
  add_cell(cells, created(node, now), allocator);
  add_cell(cells, api::text_of(info, "kubeletVersion"), allocator);
  add_cell(cells, node_address(node, "InternalIP"), allocator);
  add_cell(cells, node_address(node, "ExternalIP"), allocator);
  for (std::string_view member : {"osImage", "kernelVersion", "containerRuntimeVersion"}) {
    std::string_view text = api::text_of(info, member);
    add_cell(cells, text.empty() ? "<unknown>" : text, allocator);
  }
}

constexpr Column kEventColumns[] = {
    {"Last Seen", "string", "", 0, "Time since it last happened."},
    {"Type", "string", "", 0, "Normal or Warning."},
    {"Reason", "string", "", 0, "Why, in one word."},
    {"Object", "string", "", 0, "The object it is about."},
    {"Subobject", "string", "", 1, "The part of that object."},
    {"Source", "string", "", 1, "Who reports it."},
    {"Message", "string", "", 0, "What happened."},
    {"First Seen", "string", "", 1, "Time since it first happened."},
    {"Count", "string", "", 1, "How often it happened."},
    {"Name", "string", "name", 1, "Name must be unique within a namespace."},
};

std::string event_source(const Value& event) {
  std::string_view component = api::text_of(at(event, "source"), "component");
  std::string_view host = api::text_of(at(event, "source"), "host");
  if (component.empty()) component = api::text_of(event, "reportingComponent");
  if (host.empty()) host = api::text_of(event, "reportingInstance");
  std::string text(component);
  if (!host.empty()) text.append(", ").append(host);
  return text;
}

std::string event_object(const Value& event) {
  const Value& object = at(event, "involvedObject");
  std::string text(api::text_of(object, "kind"));
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  std::string_view name = api::text_of(object, "name");
  if (!name.empty()) text.append("/").append(name);
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

void print_event(const Value& event, int64_t now, Value& cells, Allocator& allocator) {
  const Value& first_time = at(event, "firstTimestamp");
  std::string first = age_of(first_time.IsNull() ? at(event, "eventTime") : first_time, now);
  std::string last = first;
  if (has(event, "lastTimestamp")) last = age_of(at(event, "lastTimestamp"), now);
  int64_t count = std::max<int64_t>(1, api::int_of(event, "count"));
  if (const Value& series = at(event, "series"); series.IsObject()) {
    last = age_of(at(series, "lastObservedTime"), now);
    count = api::int_of(series, "count") + 1;
  }
  add_cell(cells, last, allocator);
  add_cell(cells, api::text_of(event, "type"), allocator);
  add_cell(cells, api::text_of(event, "reason"), allocator);
  add_cell(cells, event_object(event), allocator);
  add_cell(cells, api::text_of(at(event, "involvedObject"), "fieldPath"), allocator);
  add_cell(cells, event_source(event), allocator);
  add_cell(cells, trimmed(api::text_of(event, "message")), allocator);
  add_cell(cells, first, allocator);
  add_cell(cells, count, allocator);
  add_cell(cells, name_of(event), allocator);
}

constexpr Column kNamespaceColumns[] = {
    kName, {"Status", "string", "", 0, "Active, or Terminating."}, kAge};

void print_namespace(const Value& object, int64_t now, Value& cells, Allocator& allocator) {
  add_cell(cells, name_of(object), allocator);
  add_cell(cells, api::text_of(at(object, "status"), "phase"), allocator);
  add_cell(cells, created(object, now), allocator);
}

constexpr Column kSecretColumns[] = {kName,
                                     {"Type", "string", "", 0, "What kind of data it holds."},
                                     {"Data", "string", "", 0, "Number of keys."},
                                     kAge};

void print_secret(const Value& secret, int64_t now, Value& cells, Allocator& allocator) {
  add_cell(cells, name_of(secret), allocator);
  add_cell(cells, api::text_of(secret, "type"), allocator);
  add_cell(cells, static_cast<int64_t>(size_of(secret, "data")), allocator);
  add_cell(cells, created(secret, now), allocator);
}

constexpr Column kConfigMapColumns[] = {kName, {"Data", "string", "", 0, "Number of keys."}, kAge};

void print_config_map(const Value& map, int64_t now, Value& cells, Allocator& allocator) {
  add_cell(cells, name_of(map), allocator);
  add_cell(cells, static_cast<int64_t>(size_of(map, "data") + size_of(map, "binaryData")),
           allocator);
  add_cell(cells, created(map, now), allocator);
}

constexpr Column kServiceAccountColumns[] = {
    kName, {"Secrets", "string", "", 0, "Number of secrets that Pods may use."}, kAge};

void print_service_account(const Value& account, int64_t now, Value& cells, Allocator& allocator) {
  add_cell(cells, name_of(account), allocator);
  add_cell(cells, static_cast<int64_t>(size_of(account, "secrets")), allocator);
  add_cell(cells, created(account, now), allocator);
}

constexpr Column kLeaseColumns[] = {
    kName, {"Holder", "string", "", 0, "Who holds the lease."}, kAge};

void print_lease(const Value& lease, int64_t now, Value& cells, Allocator& allocator) {
  add_cell(cells, name_of(lease), allocator);
  add_cell(cells, api::text_of(at(lease, "spec"), "holderIdentity"), allocator);
  add_cell(cells, created(lease, now), allocator);
}

constexpr Column kDefaultColumns[] = {
    kName, {"Created At", "date", "", 0, "When the object was created."}};

void print_default(const Value& object, int64_t, Value& cells, Allocator& allocator) {
  add_cell(cells, name_of(object), allocator);
  add_cell(cells, api::text_of(at(object, "metadata"), "creationTimestamp"), allocator);
}

}  // namespace

const Printer kNodePrinter = {kNodeColumns, print_node};
const Printer kEventPrinter = {kEventColumns, print_event};
const Printer kNamespacePrinter = {kNamespaceColumns, print_namespace};
const Printer kSecretPrinter = {kSecretColumns, print_secret};
const Printer kConfigMapPrinter = {kConfigMapColumns, print_config_map};
const Printer kServiceAccountPrinter = {kServiceAccountColumns, print_service_account};
const Printer kLeasePrinter = {kLeaseColumns, print_lease};
const Printer kDefaultPrinter = {kDefaultColumns, print_default};

}  // namespace kist::apiserver
