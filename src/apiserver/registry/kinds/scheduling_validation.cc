// Where a Pod may run: tolerations, affinity, topology spread.
#include <charconv>
#include <set>

#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

bool is_integer(std::string_view text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

void validate_toleration(const Value& toleration, const FieldPath& path, FieldErrors& errors) {
  std::string_view key = api::text_of(toleration, "key");
  std::string_view op = api::text_of(toleration, "operator");
  std::string_view value = api::text_of(toleration, "value");
  std::string_view effect = api::text_of(toleration, "effect");
  if (!key.empty()) add_messages(errors, path.child("key"), key, api::check_qualified_name(key));
  if (key.empty() && op != "Exists") {
    errors.invalid(path.child("operator"), op,
                   "operator must be Exists when `key` is empty, which means \"match all values "
                   "and all keys\"");
  }
  if (has(toleration, "tolerationSeconds") && effect != "NoExecute") {
    errors.invalid(path.child("effect"), effect,
                   "effect must be 'NoExecute' when `tolerationSeconds` is set");
  }
  if (op.empty() || op == "Equal") {
    add_messages(errors, path.child("operator"), value, api::check_label_value(value));
  } else if (op == "Exists") {
    if (!value.empty()) {
      errors.invalid(path.child("operator"), value,
                     "value must be empty when `operator` is 'Exists'");
    }
  } else {
    errors.not_supported(path.child("operator"), op, {"Equal", "Exists"});
  }
  if (!effect.empty()) {
    check_one_of(errors, path.child("effect"), effect,
                 {"NoSchedule", "PreferNoSchedule", "NoExecute"});
  }
}

void validate_requirement(const Value& requirement, bool of_fields, const FieldPath& path,
                          FieldErrors& errors) {
  std::string_view key = api::text_of(requirement, "key");
  std::string_view op = api::text_of(requirement, "operator");
  size_t count = size_of(requirement, "values");
  FieldPath values = path.child("values");
  if (of_fields) {
    if ((op == "In" || op == "NotIn") && count != 1) {
      errors.required(values,
                      "must be only one value when `operator` is 'In' or 'NotIn' for node "
                      "field selector");
    }
    if (key != "metadata.name") {
      errors.invalid(path.child("key"), key, "not a valid field selector key");
    }
    if (op != "In" && op != "NotIn") {
      errors.invalid(path.child("operator"), op, "not a valid selector operator");
    }
    return;
  }
  if (op == "In" || op == "NotIn") {
    if (count == 0) {
      errors.required(values, "must be specified when `operator` is 'In' or 'NotIn'");
    }
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (count > 0) {
      errors.forbidden(values,
                       "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    }
  } else if (op == "Gt" || op == "Lt") {
    if (count != 1) {
      errors.required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
    } else if (!is_integer(view(at(requirement, "values")[0]))) {
      errors.invalid(values.index(0), view(at(requirement, "values")[0]),
                     "must be an integer when `operator` is 'Lt' or 'Gt'");
    }
  } else {
    errors.invalid(path.child("operator"), op, "not a valid selector operator");
  }
  add_messages(errors, path.child("key"), key, api::check_qualified_name(key));
}

void validate_node_term(const Value& term, const FieldPath& path, FieldErrors& errors) {
  each(term, "matchExpressions", [&](const Value& item, size_t index) {
    validate_requirement(item, false, path.child("matchExpressions").index(index), errors);
  });
  each(term, "matchFields", [&](const Value& item, size_t index) {
    validate_requirement(item, true, path.child("matchFields").index(index), errors);
  });
}

void validate_weight(const Value& preferred, const FieldPath& path, FieldErrors& errors) {
  int64_t weight = api::int_of(preferred, "weight");
  if (weight <= 0 || weight > 100) {
    errors.invalid(path.child("weight"), weight, "must be in the range 1-100");
  }
}

void validate_pod_term(const Value& term, const FieldPath& path, FieldErrors& errors) {
  std::string_view key = api::text_of(term, "topologyKey");
  if (has(term, "labelSelector")) {
    api::validate_label_selector(at(term, "labelSelector"), path.child("labelSelector"), errors);
  }
  if (has(term, "namespaceSelector")) {
    api::validate_label_selector(at(term, "namespaceSelector"), path.child("namespaceSelector"),
                                 errors);
  }
  each(term, "namespaces", [&](const Value& name, size_t) {
    add_messages(errors, path.child("namespace"), view(name), api::check_dns1123_label(view(name)));
  });
  if (key.empty()) {
    errors.required(path.child("topologyKey"), "can not be empty");
  } else {
    add_messages(errors, path.child("topologyKey"), key, api::check_qualified_name(key));
  }
}

void validate_pod_affinity(const Value& affinity, const FieldPath& path, FieldErrors& errors) {
  const char* required = "requiredDuringSchedulingIgnoredDuringExecution";
  const char* preferred = "preferredDuringSchedulingIgnoredDuringExecution";
  each(affinity, required, [&](const Value& term, size_t index) {
    validate_pod_term(term, path.child(required).index(index), errors);
  });
  each(affinity, preferred, [&](const Value& term, size_t index) {
    FieldPath here = path.child(preferred).index(index);
    validate_weight(term, here, errors);
    validate_pod_term(at(term, "podAffinityTerm"), here.child("podAffinityTerm"), errors);
  });
}

void validate_constraint(const Value& constraint, const FieldPath& path, FieldErrors& errors) {
  int64_t skew = api::int_of(constraint, "maxSkew");
  if (skew <= 0) errors.invalid(path.child("maxSkew"), skew, "must be greater than zero");
  std::string_view key = api::text_of(constraint, "topologyKey");
  if (key.empty()) {
    errors.required(path.child("topologyKey"), "can not be empty");
  } else {
    add_messages(errors, path.child("topologyKey"), key, api::check_qualified_name(key));
  }
  std::string_view action = api::text_of(constraint, "whenUnsatisfiable");
  check_one_of(errors, path.child("whenUnsatisfiable"), action,
               {"DoNotSchedule", "ScheduleAnyway"});
  if (has(constraint, "minDomains")) {
    int64_t domains = api::int_of(constraint, "minDomains");
    if (domains <= 0) {
      errors.invalid(path.child("minDomains"), domains, "must be greater than zero");
    }
    if (action != "DoNotSchedule") {
      errors.invalid(
          path.child("minDomains"), domains,
          "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " + std::string(action));
    }
  }
  for (const char* policy : {"nodeAffinityPolicy", "nodeTaintsPolicy"}) {
    if (!has(constraint, policy)) continue;
    check_one_of(errors, path.child(policy), api::text_of(constraint, policy), {"Honor", "Ignore"});
  }
  if (has(constraint, "labelSelector")) {
    api::validate_label_selector(at(constraint, "labelSelector"), path.child("labelSelector"),
                                 errors);
  }
}

}  // namespace

void validate_tolerations(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  each(spec, "tolerations", [&](const Value& toleration, size_t index) {
    validate_toleration(toleration, path.child("tolerations").index(index), errors);
  });
}

void validate_node_selector(const Value& selector, const FieldPath& path, FieldErrors& errors) {
  FieldPath terms = path.child("nodeSelectorTerms");
  if (size_of(selector, "nodeSelectorTerms") == 0) {
    errors.required(terms, "must have at least one node selector term");
  }
  each(selector, "nodeSelectorTerms", [&](const Value& term, size_t index) {
    validate_node_term(term, terms.index(index), errors);
  });
}

void validate_affinity(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  const Value& affinity = at(spec, "affinity");
  FieldPath here = path.child("affinity");
  const Value& node = at(affinity, "nodeAffinity");
  const char* required = "requiredDuringSchedulingIgnoredDuringExecution";
  const char* preferred = "preferredDuringSchedulingIgnoredDuringExecution";
  if (has(node, required)) {
    validate_node_selector(at(node, required), here.child("nodeAffinity").child(required), errors);
  }
  each(node, preferred, [&](const Value& term, size_t index) {
    FieldPath item = here.child("nodeAffinity").child(preferred).index(index);
    validate_weight(term, item, errors);
    validate_node_term(at(term, "preference"), item.child("preference"), errors);
  });
  for (const char* kind : {"podAffinity", "podAntiAffinity"}) {
    validate_pod_affinity(at(affinity, kind), here.child(kind), errors);
  }
}

void validate_topology_spread(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  FieldPath list = path.child("topologySpreadConstraints");
  std::set<std::pair<std::string_view, std::string_view>> seen;
  each(spec, "topologySpreadConstraints", [&](const Value& constraint, size_t index) {
    validate_constraint(constraint, list.index(index), errors);
    std::string_view key = api::text_of(constraint, "topologyKey");
    std::string_view action = api::text_of(constraint, "whenUnsatisfiable");
    if (!seen.emplace(key, action).second) {
      errors.duplicate(list.index(index).child("{topologyKey, whenUnsatisfiable}"),
                       "{" + std::string(key) + ", " + std::string(action) + "}");
    }
  });
}

}  // namespace kist::apiserver
