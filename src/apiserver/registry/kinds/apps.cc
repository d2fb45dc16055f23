// ReplicaSets, Deployments, ControllerRevisions, and the Scale of the first two.
#include <algorithm>
#include <charconv>
#include <optional>

#include "kist/api/selector.h"
#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

void default_workload(Value& object, Allocator& allocator) {
  Value& spec = api::child(object, "spec", allocator);
  default_int(spec, "replicas", 1, allocator);
  Value* pod_template = api::find(spec, "template");
  Value* pod =
      pod_template && pod_template->IsObject() ? api::find(*pod_template, "spec") : nullptr;
  if (pod != nullptr) default_pod_spec(*pod, allocator);
}

void deployment_defaults(Value& deployment, Allocator& allocator) {
  default_workload(deployment, allocator);
  Value& spec = api::child(deployment, "spec", allocator);
  Value& strategy = api::child(spec, "strategy", allocator);
  default_text(strategy, "type", "RollingUpdate", allocator);
  if (api::text_of(strategy, "type") == "RollingUpdate") {
    Value& rolling = api::child(strategy, "rollingUpdate", allocator);
    for (std::string_view member : {"maxUnavailable", "maxSurge"}) {
      if (!has(rolling, member)) api::set(rolling, member, std::string_view("25%"), allocator);
    }
  }
  default_int(spec, "revisionHistoryLimit", 10, allocator);
  default_int(spec, "progressDeadlineSeconds", 600, allocator);
}

void clear_status(Value& object, Allocator& allocator) {
  api::set(object, "status", Value(rapidjson::kObjectType), allocator);
}

void replica_set_prepare_create(Value& object, Allocator& allocator) {
  clear_status(object, allocator);
  api::set(api::child(object, "status", allocator), "replicas", Value(int64_t{0}), allocator);
}

void keep_status(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "status", allocator);
}

void keep_spec(Value& next, const Value& old, Allocator& allocator) {
  keep_member(next, old, "spec", allocator);
  put(api::child(next, "metadata", allocator), "labels", at(old, "metadata", "labels"), allocator);
}

void validate_selector(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  const Value& selector = at(spec, "selector");
  FieldPath where = path.child("selector");
  if (selector.IsNull()) {
    errors.required(where);
    return;
  }
  api::validate_label_selector(selector, where, errors);
  bool empty = size_of(selector, "matchLabels") == 0 && size_of(selector, "matchExpressions") == 0;
  if (empty) {
    errors.invalid(where, selector, "empty selector is invalid for deployment");
    return;
  }
  auto parsed = api::Selector::from_label_selector(&selector);
  if (!parsed.ok()) {
    errors.invalid(where, selector, "invalid label selector");
    return;
  }
  const Value& labels = at(spec, "template", "metadata");
  if (!parsed.value().matches_labels(api::find(labels, "labels"))) {
    errors.invalid(path.child("template").child("metadata").child("labels"), at(labels, "labels"),
                   "`selector` does not match template `labels`");
  }
}

void validate_template(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  const Value& pod_template = at(spec, "template");
  FieldPath where = path.child("template");
  validate_pod_template(pod_template, where, errors);
  std::string_view policy = api::text_of(at(pod_template, "spec"), "restartPolicy");
  if (policy != "Always") {
    errors.not_supported(where.child("spec").child("restartPolicy"), policy, {"Always"});
  }
  if (has(at(pod_template, "spec"), "activeDeadlineSeconds")) {
    errors.forbidden(where.child("spec").child("activeDeadlineSeconds"),
                     "activeDeadlineSeconds in ReplicaSet is not Supported");
  }
}

void validate_workload(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  check_not_negative(errors, path.child("replicas"), api::int_of(spec, "replicas"));
  check_not_negative(errors, path.child("minReadySeconds"), api::int_of(spec, "minReadySeconds"));
  validate_selector(spec, path, errors);
  if (has(spec, "template")) {
    validate_template(spec, path, errors);
  } else {
    errors.required(path.child("template"));
  }
}

std::optional<int64_t> percent_of(const Value& value) {
  std::string_view text = view(value);
  if (text.size() < 2 || text.back() != '%') return std::nullopt;
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, number);
  if (error != std::errc() || end != text.data() + text.size() - 1 || number < 0) {
    return std::nullopt;
  }
  return number;
}

void validate_amount(const Value& value, const FieldPath& path, FieldErrors& errors) {
  if (value.IsInt64()) {
    check_not_negative(errors, path, value.GetInt64());
  } else if (value.IsString() && !percent_of(value)) {
    errors.invalid(path, view(value),
                   "a valid percent string must be a numeric string followed by an ending '%' "
                   "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
  }
}

bool is_zero(const Value& value) {
  if (value.IsInt64()) return value.GetInt64() == 0;
  return value.IsString() && percent_of(value) == 0;
}

void validate_strategy(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  const Value& strategy = at(spec, "strategy");
  FieldPath where = path.child("strategy");
  std::string_view type = api::text_of(strategy, "type");
  FieldPath rolling_path = where.child("rollingUpdate");
  if (type == "Recreate") {
    if (has(strategy, "rollingUpdate")) {
      errors.forbidden(rolling_path, "may not be specified when strategy `type` is 'Recreate'");
    }
    return;
  }
  if (type != "RollingUpdate") {
    errors.not_supported(where.child("type"), type, {"Recreate", "RollingUpdate"});
    return;
  }
  const Value& rolling = at(strategy, "rollingUpdate");
  if (rolling.IsNull()) {
    errors.required(rolling_path, "this should be defaulted and never be nil");
    return;
  }
  const Value& unavailable = at(rolling, "maxUnavailable");
  validate_amount(unavailable, rolling_path.child("maxUnavailable"), errors);
  validate_amount(at(rolling, "maxSurge"), rolling_path.child("maxSurge"), errors);
  if (is_zero(unavailable) && is_zero(at(rolling, "maxSurge"))) {
    errors.invalid(rolling_path.child("maxUnavailable"), unavailable,
                   "may not be 0 when `maxSurge` is 0");
  }
  if (percent_of(unavailable).value_or(0) > 100) {
    errors.invalid(rolling_path.child("maxUnavailable"), unavailable,
                   "must not be greater than 100%");
  }
}

void validate_deployment(const Value& deployment, FieldErrors& errors) {
  FieldPath path("spec");
  const Value& spec = at(deployment, "spec");
  validate_workload(spec, path, errors);
  validate_strategy(spec, path, errors);
  if (has(spec, "revisionHistoryLimit")) {
    check_not_negative(errors, path.child("revisionHistoryLimit"),
                       api::int_of(spec, "revisionHistoryLimit"));
  }
  if (has(spec, "progressDeadlineSeconds")) {
    int64_t deadline = api::int_of(spec, "progressDeadlineSeconds");
    check_not_negative(errors, path.child("progressDeadlineSeconds"), deadline);
    if (deadline <= api::int_of(spec, "minReadySeconds")) {
      errors.invalid(path.child("progressDeadlineSeconds"), deadline,
                     "must be greater than minReadySeconds");
    }
  }
}

void check_selector_kept(const Value& next, const Value& old, FieldErrors& errors) {
  check_immutable(errors, FieldPath("spec").child("selector"), at(next, "spec", "selector"),
                  at(old, "spec", "selector"));
}

void validate_deployment_update(const Value& next, const Value& old, FieldErrors& errors) {
  validate_deployment(next, errors);
  check_selector_kept(next, old, errors);
}

void validate_replica_set(const Value& set, FieldErrors& errors) {
  validate_workload(at(set, "spec"), FieldPath("spec"), errors);
}

void validate_replica_set_update(const Value& next, const Value& old, FieldErrors& errors) {
  validate_replica_set(next, errors);
  check_selector_kept(next, old, errors);
}

void check_counts(const Value& status, std::initializer_list<const char*> members,
                  FieldErrors& errors) {
  for (const char* member : members) {
    check_not_negative(errors, FieldPath("status").child(member), api::int_of(status, member));
  }
}

void check_not_above(const Value& status, const char* member, const char* bound, const char* detail,
                     FieldErrors& errors) {
  int64_t count = api::int_of(status, member);
  if (count > api::int_of(status, bound)) {
    errors.invalid(FieldPath("status").child(member), count, detail);
  }
}

void validate_deployment_status(const Value& next, const Value&, FieldErrors& errors) {
  const Value& status = at(next, "status");
  check_counts(status,
               {"observedGeneration", "replicas", "updatedReplicas", "readyReplicas",
                "availableReplicas", "unavailableReplicas"},
               errors);
  constexpr const char* kAll = "cannot be greater than status.replicas";
  check_not_above(status, "updatedReplicas", "replicas", kAll, errors);
  check_not_above(status, "readyReplicas", "replicas", kAll, errors);
  check_not_above(status, "availableReplicas", "replicas", kAll, errors);
  check_not_above(status, "availableReplicas", "readyReplicas",
                  "cannot be greater than readyReplicas", errors);
}

void validate_replica_set_status(const Value& next, const Value&, FieldErrors& errors) {
  const Value& status = at(next, "status");
  check_counts(status,
               {"replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas",
                "observedGeneration"},
               errors);
  constexpr const char* kAll = "cannot be greater than status.replicas";
  check_not_above(status, "fullyLabeledReplicas", "replicas", kAll, errors);
  check_not_above(status, "readyReplicas", "replicas", kAll, errors);
  check_not_above(status, "availableReplicas", "replicas", kAll, errors);
  check_not_above(status, "availableReplicas", "readyReplicas",
                  "cannot be greater than readyReplicas", errors);
}

void warn_workload(const Value& object, const Value* old, std::vector<std::string>& out) {
  if (old && same(at(object, "spec", "template"), at(*old, "spec", "template"))) return;
  warn_pod_spec(at(at(object, "spec", "template"), "spec"), "spec.template.spec", out);
}

void validate_revision(const Value& revision, FieldErrors& errors) {
  check_not_negative(errors, FieldPath("revision"), api::int_of(revision, "revision"));
  if (!has(revision, "data")) errors.required(FieldPath("data"), "data is mandatory");
}

void validate_revision_update(const Value& next, const Value& old, FieldErrors& errors) {
  check_not_negative(errors, FieldPath("revision"), api::int_of(next, "revision"));
  check_immutable(errors, FieldPath("data"), at(next, "data"), at(old, "data"));
}

void validate_scale(const Value& scale, FieldErrors& errors) {
  check_not_negative(errors, FieldPath("spec").child("replicas"),
                     api::int_of(at(scale, "spec"), "replicas"));
}

void validate_scale_update(const Value& next, const Value&, FieldErrors& errors) {
  validate_scale(next, errors);
}

}  // namespace

const Strategy kReplicaSetStrategy = {
    .set_defaults = default_workload,
    .prepare_create = replica_set_prepare_create,
    .prepare_update = keep_status,
    .prepare_status_update = keep_spec,
    .validate = validate_replica_set,
    .validate_update = validate_replica_set_update,
    .validate_status_update = validate_replica_set_status,
    .warnings = warn_workload,
    .name_check = api::check_dns1123_subdomain,
    .generation = true,
};

const Strategy kDeploymentStrategy = {
    .set_defaults = deployment_defaults,
    .prepare_create = clear_status,
    .prepare_update = keep_status,
    .prepare_status_update = keep_spec,
    .validate = validate_deployment,
    .validate_update = validate_deployment_update,
    .validate_status_update = validate_deployment_status,
    .warnings = warn_workload,
    .name_check = api::check_dns1123_subdomain,
    .generation = true,
};

const Strategy kControllerRevisionStrategy = {
    .validate = validate_revision,
    .validate_update = validate_revision_update,
    .name_check = api::check_dns1123_subdomain,
};

const Strategy kScaleStrategy = {
    .validate = validate_scale,
    .validate_update = validate_scale_update,
};

}  // namespace kist::apiserver
