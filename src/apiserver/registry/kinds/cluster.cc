// Namespaces and Nodes.
#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kNameLabel = "kubernetes.io/metadata.name";

void namespace_defaults(Value& object, Allocator& allocator) {
  Value& metadata = api::child(object, "metadata", allocator);
  std::string name(api::text_of(metadata, "name"));
  if (!name.empty()) {
    api::set(api::child(metadata, "labels", allocator), kNameLabel, std::string_view(name),
             allocator);
  }
  default_text(api::child(object, "status", allocator), "phase", "Active", allocator);
}

void namespace_prepare_create(Value& object, Allocator& allocator) {
  Value status(rapidjson::kObjectType);
  api::set(status, "phase", std::string_view("Active"), allocator);
  api::set(object, "status", std::move(status), allocator);
  Value& spec = api::child(object, "spec", allocator);
  bool known = false;
  each(std::as_const(spec), "finalizers",
       [&](const Value& item, size_t) { known = known || view(item) == "kubernetes"; });
  if (known) return;
  if (!has(spec, "finalizers")) {
    api::set(spec, "finalizers", Value(rapidjson::kArrayType), allocator);
  }
  api::find(spec, "finalizers")->PushBack("kubernetes", allocator);
}

void namespace_prepare_update(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "status", allocator);
  put(api::child(next, "spec", allocator), "finalizers", at(old, "spec", "finalizers"), allocator);
}

void namespace_prepare_status(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "spec", allocator);
}

void namespace_prepare_finalize(std::string_view subresource, Value& next, const Value& old,
                                Allocator& allocator) {
  if (subresource == "finalize") keep_member(next, old, "status", allocator);
}

void validate_finalizers(const Value& object, FieldErrors& errors) {
  FieldPath path = FieldPath("spec").child("finalizers");
  each(at(object, "spec"), "finalizers", [&](const Value& item, size_t index) {
    std::string_view name = view(item);
    add_messages(errors, path.index(index), name, api::check_qualified_name(name));
    if (name.find('/') == name.npos && name != "kubernetes") {
      errors.invalid(path.index(index), name,
                     "name is neither a standard finalizer name nor is it fully qualified");
    }
  });
}

void validate_namespace_update(const Value& next, const Value&, FieldErrors& errors) {
  validate_finalizers(next, errors);
}

void validate_finalize(std::string_view, const Value& next, const Value&, FieldErrors& errors) {
  validate_finalizers(next, errors);
}

void validate_namespace_status(const Value& next, const Value&, FieldErrors& errors) {
  std::string_view phase = api::text_of(at(next, "status"), "phase");
  bool deleted = has(at(next, "metadata"), "deletionTimestamp");
  FieldPath path = FieldPath("status").child("Phase");
  if (!deleted && phase != "Active") {
    errors.invalid(path, phase, "may only be 'Active' if `deletionTimestamp` is empty");
  }
  if (deleted && phase != "Terminating") {
    errors.invalid(path, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
  }
}

void node_defaults(Value& node, Allocator& allocator) {
  Value* status = api::find(node, "status");
  if (status == nullptr || !status->IsObject()) return;
  if (has(*status, "capacity") && !has(*status, "allocatable")) {
    Value capacity = api::copy(at(*status, "capacity"), allocator);
    api::set(*status, "allocatable", std::move(capacity), allocator);
  }
}

void node_prepare_update(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "status", allocator);
}

void node_prepare_status(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "spec", allocator);
}

void validate_taints(const Value& spec, FieldErrors& errors) {
  FieldPath path = FieldPath("spec").child("taints");
  each(spec, "taints", [&](const Value& taint, size_t index) {
    FieldPath here = path.index(index);
    std::string_view key = api::text_of(taint, "key"), value = api::text_of(taint, "value");
    std::string_view effect = api::text_of(taint, "effect");
    add_messages(errors, here.child("key"), key, api::check_qualified_name(key));
    add_messages(errors, here.child("value"), value, api::check_label_value(value));
    if (effect.empty()) {
      errors.required(here.child("effect"));
    } else {
      check_one_of(errors, here.child("effect"), effect,
                   {"NoExecute", "NoSchedule", "PreferNoSchedule"});
    }
    for (size_t i = 0; i < index; ++i) {
      const Value& earlier = at(spec, "taints")[static_cast<rapidjson::SizeType>(i)];
      if (api::text_of(earlier, "key") == key && api::text_of(earlier, "effect") == effect) {
        errors.duplicate(here, std::string(key) + ":" + std::string(effect));
      }
    }
  });
}

void validate_node(const Value& node, FieldErrors& errors) {
  const Value& spec = at(node, "spec");
  validate_taints(spec, errors);
  FieldPath status = FieldPath("status");
  for (std::string_view list : {"capacity", "allocatable"}) {
    each_member(at(node, "status"), list, [&](std::string_view name, const Value& amount) {
      validate_resource_quantity(name, amount, status.child(list).key(name), errors);
    });
  }
  if (size_of(spec, "podCIDRs") > 2) {
    errors.invalid(FieldPath("spec").child("podCIDRs"), at(spec, "podCIDRs"),
                   "may specify no more than one CIDR for each IP family");
  }
}

void check_set_once(const Value& next, const Value& old, const char* member, FieldErrors& errors) {
  std::string_view before = api::text_of(at(old, "spec"), member);
  if (!before.empty() && before != api::text_of(at(next, "spec"), member)) {
    errors.forbidden(
        FieldPath("spec").child(member),
        "node updates may not change " + std::string(member) + " except from \"\" to valid");
  }
}

void validate_node_update(const Value& next, const Value& old, FieldErrors& errors) {
  validate_node(next, errors);
  check_set_once(next, old, "podCIDR", errors);
  check_set_once(next, old, "providerID", errors);
}

void validate_node_status(const Value& next, const Value&, FieldErrors& errors) {
  FieldPath path = FieldPath("status").child("addresses");
  const Value& addresses = at(next, "status", "addresses");
  each(at(next, "status"), "addresses", [&](const Value& address, size_t index) {
    for (size_t i = 0; i < index; ++i) {
      if (api::equal(addresses[static_cast<rapidjson::SizeType>(i)], address)) {
        errors.duplicate(path.index(index), api::text_of(address, "address"));
      }
    }
  });
}

}  // namespace

const Strategy kNamespaceStrategy = {
    .set_defaults = namespace_defaults,
    .prepare_create = namespace_prepare_create,
    .prepare_update = namespace_prepare_update,
    .prepare_status_update = namespace_prepare_status,
    .validate = validate_finalizers,
    .validate_update = validate_namespace_update,
    .validate_status_update = validate_namespace_status,
    .prepare_subresource_update = namespace_prepare_finalize,
    .validate_subresource_update = validate_finalize,
    .name_check = api::check_dns1123_label,
};

const Strategy kNodeStrategy = {
    .set_defaults = node_defaults,
    .prepare_update = node_prepare_update,
    .prepare_status_update = node_prepare_status,
    .validate = validate_node,
    .validate_update = validate_node_update,
    .validate_status_update = validate_node_status,
    .name_check = api::check_dns1123_subdomain,
};

}  // namespace kist::apiserver
