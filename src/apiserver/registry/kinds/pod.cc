// Pods, PodTemplates and Bindings: what is filled in, reset and kept.
#include <algorithm>
#include <map>
#include <string>

#include "kist/api/quantity.h"
#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

using Amounts = std::map<std::string, api::Quantity, std::less<>>;

// Adds the cpu and memory of `list` to `sums`; says whether both are there.
bool add_amounts(const Value& list, Amounts& sums) {
  int found = 0;
  for (std::string_view name : {"cpu", "memory"}) {
    auto amount = api::Quantity::parse(api::text_of(list, name));
    if (!amount.ok() || amount.value().sign() <= 0) continue;
    ++found;
    auto [entry, is_new] = sums.try_emplace(std::string(name), amount.value());
    if (!is_new) entry->second.add(amount.value());
  }
  return found == 2;
}

bool equal_amounts(const Amounts& a, const Amounts& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](auto& x, auto& y) {
           return x.first == y.first && x.second.compare(y.second) == 0;
         });
}

// Which pods the node gives up first when memory runs out.
std::string_view qos_class(const Value& spec) {
  Amounts requests, limits;
  bool all_limited = true;
  for (std::string_view list : {"containers", "initContainers"}) {
    each(spec, list, [&](const Value& container, size_t) {
      const Value& resources = at(container, "resources");
      add_amounts(at(resources, "requests"), requests);
      all_limited = add_amounts(at(resources, "limits"), limits) && all_limited;
    });
  }
  if (requests.empty() && limits.empty()) return "BestEffort";
  return all_limited && equal_amounts(requests, limits) ? "Guaranteed" : "Burstable";
}

void pod_defaults(Value& pod, Allocator& allocator) {
  Value* spec = api::find(pod, "spec");
  if (spec == nullptr || !spec->IsObject()) return;
  default_pod_spec(*spec, allocator);
  default_pod_only(*spec, allocator);
}

void pod_prepare_create(Value& pod, Allocator& allocator) {
  Value status(rapidjson::kObjectType);
  api::set(status, "phase", std::string_view("Pending"), allocator);
  api::set(status, "qosClass", qos_class(at(pod, "spec")), allocator);
  if (size_of(at(pod, "spec"), "schedulingGates") > 0) {
    Value condition(rapidjson::kObjectType);
    api::set(condition, "type", std::string_view("PodScheduled"), allocator);
    api::set(condition, "status", std::string_view("False"), allocator);
    api::set(condition, "reason", std::string_view("SchedulingGated"), allocator);
    api::set(condition, "message",
             std::string_view("Scheduling is blocked due to non-empty scheduling gates"),
             allocator);
    Value conditions(rapidjson::kArrayType);
    conditions.PushBack(condition, allocator);
    api::set(status, "conditions", std::move(conditions), allocator);
  }
  api::set(pod, "status", std::move(status), allocator);
}

void pod_prepare_update(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "status", allocator);
}

void pod_prepare_status(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "spec", allocator);
  Value& status = api::child(next, "status", allocator);
  put(status, "qosClass", at(old, "status", "qosClass"), allocator);
  // Only the owner of a deletion moves its clock.
  Value& metadata = api::child(next, "metadata", allocator);
  put(metadata, "deletionTimestamp", at(old, "metadata", "deletionTimestamp"), allocator);
  put(metadata, "ownerReferences", at(old, "metadata", "ownerReferences"), allocator);
}

void pod_prepare_subresource(std::string_view subresource, Value& next, const Value& old,
                             Allocator& allocator) {
  if (subresource != "ephemeralcontainers") return;
  Value containers = api::copy(at(next, "spec", "ephemeralContainers"), allocator);
  Value version = api::copy(at(next, "metadata", "resourceVersion"), allocator);
  next.CopyFrom(old, allocator);
  put(api::child(next, "spec", allocator), "ephemeralContainers", containers, allocator);
  put(api::child(next, "metadata", allocator), "resourceVersion", version, allocator);
}

void pod_validate(const Value& pod, FieldErrors& errors) {
  FieldPath spec("spec");
  validate_pod_metadata(at(pod, "metadata"), FieldPath("metadata"), errors);
  validate_pod_spec(at(pod, "spec"), spec, {}, errors);
  if (size_of(at(pod, "spec"), "ephemeralContainers") > 0) {
    errors.forbidden(spec.child("ephemeralContainers"), "cannot be set on create");
  }
}

void pod_validate_status(const Value& next, const Value& old, FieldErrors& errors) {
  FieldPath status("status");
  std::string_view nominated = api::text_of(at(next, "status"), "nominatedNodeName");
  if (!nominated.empty()) {
    add_messages(errors, status.child("nominatedNodeName"), nominated,
                 api::check_dns1123_subdomain(nominated));
  }
  std::string_view node = api::text_of(at(next, "spec"), "nodeName");
  if (node != api::text_of(at(old, "spec"), "nodeName")) {
    errors.forbidden(status.child("nodeName"), "may not be changed directly");
  }
  each(at(next, "status"), "podIPs", [&](const Value& ip, size_t index) {
    std::string_view text = api::text_of(ip, "ip");
    add_messages(errors, status.child("podIPs").index(index), text, api::check_ip(text));
  });
}

void pod_validate_subresource(std::string_view subresource, const Value& next, const Value& old,
                              FieldErrors& errors) {
  if (subresource == "ephemeralcontainers") validate_ephemeral_update(next, old, errors);
}

void pod_warnings(const Value& pod, const Value* old, std::vector<std::string>& out) {
  if (old != nullptr && same(at(pod, "spec"), at(*old, "spec"))) return;
  warn_pod_spec(at(pod, "spec"), "spec", out);
}

void pod_template_defaults(Value& object, Allocator& allocator) {
  Value* pod_template = api::find(object, "template");
  Value* spec = pod_template ? api::find(*pod_template, "spec") : nullptr;
  if (spec) default_pod_spec(*spec, allocator);
}

void pod_template_validate(const Value& object, FieldErrors& errors) {
  validate_pod_template(at(object, "template"), FieldPath("template"), errors);
}

void pod_template_validate_update(const Value& next, const Value&, FieldErrors& errors) {
  pod_template_validate(next, errors);
}

void binding_validate(const Value& binding, FieldErrors& errors) {
  FieldPath target("target");
  std::string_view kind = api::text_of(at(binding, "target"), "kind");
  if (!kind.empty() && kind != "Node") {
    errors.not_supported(target.child("kind"), kind, {"Node", "<empty>"});
  }
  if (api::text_of(at(binding, "target"), "name").empty()) errors.required(target.child("name"));
}

}  // namespace

const Strategy kPodStrategy = {
    .set_defaults = pod_defaults,
    .prepare_create = pod_prepare_create,
    .prepare_update = pod_prepare_update,
    .prepare_status_update = pod_prepare_status,
    .validate = pod_validate,
    .validate_update = validate_pod_update,
    .validate_status_update = pod_validate_status,
    .prepare_subresource_update = pod_prepare_subresource,
    .validate_subresource_update = pod_validate_subresource,
    .warnings = pod_warnings,
    .name_check = api::check_dns1123_subdomain,
    .generation = true,
    .graceful_delete = true,
};

const Strategy kPodTemplateStrategy = {
    .set_defaults = pod_template_defaults,
    .validate = pod_template_validate,
    .validate_update = pod_template_validate_update,
    .name_check = api::check_dns1123_subdomain,
};

const Strategy kBindingStrategy = {.validate = binding_validate};

}  // namespace kist::apiserver
