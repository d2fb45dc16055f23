// PodSpec wherever it occurs: Pods and the templates of workloads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {

struct PodSpecContext {
  bool is_template = false;  // a template of a workload, not a Pod itself
};

void default_pod_spec(Value& spec, Allocator& allocator);  // also templates
void default_pod_only(Value& spec, Allocator& allocator);  // what templates do not get
void default_container(Value& container, Allocator& allocator);
void default_volume(Value& volume, Allocator& allocator);

void validate_pod_spec(const Value& spec, const FieldPath& path, const PodSpecContext& context,
                       FieldErrors& errors);
// spec.template of a workload: labels, annotations and spec.
void validate_pod_template(const Value& pod_template, const FieldPath& path, FieldErrors& errors);
// Annotations that Pods understand, on top of what all objects must obey.
void validate_pod_metadata(const Value& metadata, const FieldPath& path, FieldErrors& errors);
void validate_pod_update(const Value& next, const Value& old, FieldErrors& errors);
void validate_ephemeral_update(const Value& next, const Value& old, FieldErrors& errors);

void warn_pod_spec(const Value& spec, std::string_view prefix, std::vector<std::string>& out);

// Parts, each in a file of its own.
void validate_volumes(const Value& spec, const FieldPath& path, FieldErrors& errors);
void validate_containers(const Value& spec, const FieldPath& path, FieldErrors& errors);
// One amount of a resource, whatever it is the amount of.
void validate_resource_quantity(std::string_view name, const Value& amount, const FieldPath& path,
                                FieldErrors& errors);
void validate_resources(const Value& resources, const FieldPath& path, FieldErrors& errors);
void validate_affinity(const Value& spec, const FieldPath& path, FieldErrors& errors);
void validate_topology_spread(const Value& spec, const FieldPath& path, FieldErrors& errors);
void validate_os(const Value& spec, const FieldPath& path, FieldErrors& errors);
void validate_tolerations(const Value& spec, const FieldPath& path, FieldErrors& errors);
void validate_pod_security(const Value& spec, const FieldPath& path, FieldErrors& errors);
void validate_container_security(const Value& container, const FieldPath& path,
                                 FieldErrors& errors);
void validate_seccomp(const Value& context, const FieldPath& path, FieldErrors& errors);
void validate_field_ref(const Value& reference, const FieldPath& path, bool for_env,
                        FieldErrors& errors);
void validate_resource_field_ref(const Value& reference, const FieldPath& path, bool volume,
                                 FieldErrors& errors);
// "../x" and absolute paths are refused.
void validate_relative_path(std::string_view text, const FieldPath& path, FieldErrors& errors);
void validate_no_backsteps(std::string_view text, const FieldPath& path, FieldErrors& errors);
void validate_node_selector(const Value& selector, const FieldPath& path, FieldErrors& errors);

}  // namespace kist::apiserver
