// What may change in a Pod that exists: images, tolerations, deadlines, and little else.
#include <algorithm>

#include "src/apiserver/registry/kinds/go_diff.h"
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

void validate_images(const Value& next, const char* list, FieldErrors& errors) {
  each(at(next, "spec"), list, [&](const Value& container, size_t index) {
    if (!api::text_of(container, "image").empty()) return;
    errors.required(FieldPath("spec").child(list).index(index).child("image"));
  });
}

void validate_deadline(const Value& next, const Value& old, FieldErrors& errors) {
  FieldPath path = FieldPath("spec").child("activeDeadlineSeconds");
  if (!has(at(old, "spec"), "activeDeadlineSeconds")) return;
  int64_t before = api::int_of(at(old, "spec"), "activeDeadlineSeconds");
  if (!has(at(next, "spec"), "activeDeadlineSeconds")) {
    errors.invalid(path, at(next, "spec", "activeDeadlineSeconds"),
                   "must not update from a positive integer to nil value");
    return;
  }
  int64_t after = api::int_of(at(next, "spec"), "activeDeadlineSeconds");
  if (after > before) {
    errors.invalid(path, after, "must be less than or equal to previous value");
  }
}

bool same_but_seconds(const Value& a, const Value& b) {
  for (const char* member : {"key", "operator", "value", "effect"}) {
    if (api::text_of(a, member) != api::text_of(b, member)) return false;
  }
  return true;
}

void validate_tolerations_kept(const Value& next, const Value& old, FieldErrors& errors) {
  each(at(old, "spec"), "tolerations", [&](const Value& toleration, size_t) {
    bool kept = false;
    each(at(next, "spec"), "tolerations",
         [&](const Value& now, size_t) { kept = kept || same_but_seconds(toleration, now); });
    if (!kept) {
      errors.forbidden(FieldPath("spec").child("tolerations"),
                       "existing toleration can not be modified except its tolerationSeconds");
    }
  });
}

void validate_gates_only_removed(const Value& next, const Value& old, FieldErrors& errors) {
  FieldPath path = FieldPath("spec").child("schedulingGates");
  each(at(next, "spec"), "schedulingGates", [&](const Value& gate, size_t) {
    bool known = false;
    each(at(old, "spec"), "schedulingGates", [&](const Value& before, size_t) {
      known = known || api::text_of(before, "name") == api::text_of(gate, "name");
    });
    if (!known) {
      errors.forbidden(path, "only deletion is allowed, but found new scheduling gate '" +
                                 std::string(api::text_of(gate, "name")) + "'");
    }
  });
}

// A gated Pod may still be steered: keys may be added to its node selector.
bool selector_only_grew(const Value& next, const Value& old) {
  bool grew = true;
  each_member(old, "nodeSelector", [&](std::string_view key, const Value& value) {
    grew = grew && api::equal(at(next, "nodeSelector", key), value);
  });
  return grew;
}

// `next.spec` with all that may change set back to what `old` has.
Value munged_spec(const Value& next, const Value& old, Allocator& pool) {
  Value spec = api::copy(at(next, "spec"), pool);
  const Value& before = at(old, "spec");
  for (const char* list : {"containers", "initContainers"}) {
    const Value& originals = at(before, list);
    each(spec, list, [&](Value& container, size_t index) {
      put(container, "image", at(originals[static_cast<rapidjson::SizeType>(index)], "image"),
          pool);
    });
  }
  for (const char* member : {"activeDeadlineSeconds", "tolerations", "schedulingGates"}) {
    keep_member(spec, before, member, pool);
  }
  if (api::int_of(before, "terminationGracePeriodSeconds") < 0 &&
      api::int_of(spec, "terminationGracePeriodSeconds") == 1) {
    keep_member(spec, before, "terminationGracePeriodSeconds", pool);
  }
  if (size_of(before, "schedulingGates") > 0) {
    if (selector_only_grew(at(next, "spec"), before))
      keep_member(spec, before, "nodeSelector", pool);
    keep_member(spec, before, "affinity", pool);
  }
  return spec;
}

}  // namespace

void validate_pod_update(const Value& next, const Value& old, FieldErrors& errors) {
  FieldPath path("spec");
  validate_pod_metadata(at(next, "metadata"), FieldPath("metadata"), errors);
  for (const char* list : {"containers", "initContainers"}) {
    if (size_of(at(next, "spec"), list) != size_of(at(old, "spec"), list)) {
      errors.forbidden(path.child(list), "pod updates may not add or remove containers");
      return;
    }
  }
  validate_pod_spec(at(next, "spec"), path, {}, errors);
  for (const char* list : {"containers", "initContainers"}) validate_images(next, list, errors);
  validate_deadline(next, old, errors);
  validate_tolerations_kept(next, old, errors);
  validate_gates_only_removed(next, old, errors);
  Allocator pool;
  Value spec = munged_spec(next, old, pool);
  const std::string diff =
      go_diff(*api::find_type("io.k8s.api.core.v1.PodSpec"), at(old, "spec"), spec);
  if (diff.empty()) return;
  errors.forbidden(
      path,
      "pod updates may not change fields other than `spec.containers[*].image`,"
      "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
      "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to "
      "be set to 1 if it was previously negative)\n" +
          diff);
}

void validate_ephemeral_update(const Value& next, const Value& old, FieldErrors& errors) {
  FieldPath path = FieldPath("spec").child("ephemeralContainers");
  validate_containers(at(next, "spec"), FieldPath("spec"), errors);
  each(at(old, "spec"), "ephemeralContainers", [&](const Value& before, size_t) {
    std::string_view name = api::text_of(before, "name");
    const Value* now = nullptr;
    each(at(next, "spec"), "ephemeralContainers", [&](const Value& container, size_t) {
      if (api::text_of(container, "name") == name) now = &container;
    });
    if (now == nullptr) {
      errors.forbidden(
          path, "existing ephemeral containers \"" + std::string(name) + "\" may not be removed");
    } else if (!same(*now, before)) {
      errors.forbidden(
          path, "existing ephemeral containers \"" + std::string(name) + "\" may not be changed");
    }
  });
}

}  // namespace kist::apiserver
