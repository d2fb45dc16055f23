// The rules of a PodSpec as a whole.
#include <algorithm>
#include <cctype>
#include <set>

#include "kist/api/quantity.h"
#include "kist/base/text.h"
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

constexpr int64_t kInt32Max = 2147483647;
constexpr size_t kNameserversMax = 3;
constexpr size_t kSearchesMax = 32;
constexpr size_t kSearchBytesMax = 2048;

// Members that hold one name each, and what such a name must be.
struct NameRule {
  const char* member;
  api::NameCheck check;
};
constexpr NameRule kNameRules[] = {
    {"serviceAccountName", api::check_dns1123_subdomain},
    {"nodeName", api::check_dns1123_subdomain},
    {"hostname", api::check_dns1123_label},
    {"subdomain", api::check_dns1123_label},
    {"priorityClassName", api::check_dns1123_subdomain},
    {"runtimeClassName", api::check_dns1123_subdomain},
};

void validate_names(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  for (const NameRule& rule : kNameRules) {
    std::string_view text = api::text_of(spec, rule.member);
    if (!text.empty()) add_messages(errors, path.child(rule.member), text, rule.check(text));
  }
}

void validate_policies(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  std::string_view restart = api::text_of(spec, "restartPolicy");
  if (restart.empty()) {
    errors.required(path.child("restartPolicy"));
  } else {
    check_one_of(errors, path.child("restartPolicy"), restart, {"Always", "OnFailure", "Never"});
  }
  std::string_view dns = api::text_of(spec, "dnsPolicy");
  if (dns.empty()) {
    errors.required(path.child("dnsPolicy"));
  } else {
    check_one_of(errors, path.child("dnsPolicy"), dns,
                 {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"});
  }
  if (has(spec, "preemptionPolicy")) {
    check_one_of(errors, path.child("preemptionPolicy"), api::text_of(spec, "preemptionPolicy"),
                 {"PreemptLowerPriority", "Never"});
  }
  if (has(spec, "activeDeadlineSeconds")) {
    int64_t seconds = api::int_of(spec, "activeDeadlineSeconds");
    if (seconds < 1 || seconds > kInt32Max) {
      errors.invalid(path.child("activeDeadlineSeconds"), seconds,
                     "must be between 1 and 2147483647, inclusive");
    }
  }
}

void validate_search(std::string_view search, const FieldPath& path, FieldErrors& errors) {
  if (search == ".") return;
  if (search.ends_with('.')) search.remove_suffix(1);
  std::string plain(search);  // resolvers know names with '_', RFC 1123 does not
  std::replace(plain.begin(), plain.end(), '_', '-');
  add_messages(errors, path, search, api::check_dns1123_subdomain(plain));
}

void validate_dns(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  const Value& config = at(spec, "dnsConfig");
  FieldPath here = path.child("dnsConfig");
  size_t servers = size_of(config, "nameservers"), searches = size_of(config, "searches");
  if (api::text_of(spec, "dnsPolicy") == "None") {
    if (config.IsNull()) {
      errors.required(here, "must provide `dnsConfig` when `dnsPolicy` is None");
      return;
    }
    if (servers == 0) {
      errors.required(here.child("nameservers"),
                      "must provide at least one DNS nameserver when `dnsPolicy` is None");
      return;
    }
  }
  if (servers > kNameserversMax) {
    errors.invalid(here.child("nameservers"), at(config, "nameservers"),
                   "must not have more than 3 nameservers");
  }
  each(config, "nameservers", [&](const Value& server, size_t index) {
    add_messages(errors, here.child("nameservers").index(index), view(server),
                 api::check_ip(view(server)));
  });
  if (searches > kSearchesMax) {
    errors.invalid(here.child("searches"), at(config, "searches"),
                   "must not have more than 32 search paths");
  }
  size_t bytes = searches;
  each(config, "searches", [&](const Value& search, size_t index) {
    bytes += view(search).size();
    validate_search(view(search), here.child("searches").index(index), errors);
  });
  if (bytes > kSearchBytesMax) {
    errors.invalid(here.child("searches"), at(config, "searches"),
                   "must not have more than 2048 characters (including spaces) in the search list");
  }
  each(config, "options", [&](const Value& option, size_t index) {
    if (api::text_of(option, "name").empty()) {
      errors.required(here.child("options").index(index), "must not be empty");
    }
  });
}

void validate_lists(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  each(spec, "imagePullSecrets", [&](const Value& secret, size_t index) {
    if (api::text_of(secret, "name").empty()) {
      errors.required(path.child("imagePullSecrets").index(index).child("name"));
    }
  });
  each(spec, "hostAliases", [&](const Value& alias, size_t index) {
    FieldPath here = path.child("hostAliases").index(index);
    std::string_view ip = api::text_of(alias, "ip");
    add_messages(errors, here.child("ip"), ip, api::check_ip(ip));
    each(alias, "hostnames", [&](const Value& name, size_t i) {
      add_messages(errors, here.child("hostnames").index(i), view(name),
                   api::check_dns1123_subdomain(view(name)));
    });
  });
  each(spec, "readinessGates", [&](const Value& gate, size_t index) {
    std::string_view type = api::text_of(gate, "conditionType");
    add_messages(errors, path.child("readinessGates").index(index).child("conditionType"), type,
                 api::check_qualified_name(type));
  });
  std::set<std::string_view> gates;
  each(spec, "schedulingGates", [&](const Value& gate, size_t index) {
    FieldPath here = path.child("schedulingGates").index(index);
    std::string_view name = api::text_of(gate, "name");
    add_messages(errors, here, name, api::check_qualified_name(name));
    if (!gates.insert(name).second) errors.duplicate(here, name);
  });
  if (!gates.empty() && !api::text_of(spec, "nodeName").empty()) {
    errors.forbidden(path.child("nodeName"),
                     "cannot be set until all schedulingGates have been cleared");
  }
}

void validate_overhead(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  each_member(spec, "overhead", [&](std::string_view name, const Value& amount) {
    FieldPath here = path.child("overhead").key(name);
    add_messages(errors, here, name, api::check_qualified_name(name));
    auto parsed = api::Quantity::parse(view(amount));
    if (parsed.ok() && parsed.value().sign() < 0) {
      errors.invalid(here, view(amount), "must be greater than or equal to 0");
    }
  });
}

}  // namespace

void validate_pod_spec(const Value& spec, const FieldPath& path, const PodSpecContext&,
                       FieldErrors& errors) {
  validate_volumes(spec, path, errors);
  validate_containers(spec, path, errors);
  validate_policies(spec, path, errors);
  if (has(spec, "nodeSelector")) {
    api::validate_labels(at(spec, "nodeSelector"), path.child("nodeSelector"), errors);
  }
  validate_pod_security(spec, path, errors);
  validate_lists(spec, path, errors);
  validate_affinity(spec, path, errors);
  validate_dns(spec, path, errors);
  validate_names(spec, path, errors);
  validate_tolerations(spec, path, errors);
  validate_topology_spread(spec, path, errors);
  validate_overhead(spec, path, errors);
  validate_os(spec, path, errors);
}

void validate_pod_template(const Value& pod_template, const FieldPath& path, FieldErrors& errors) {
  const Value& metadata = at(pod_template, "metadata");
  FieldPath here = path.child("metadata");
  if (has(metadata, "labels")) {
    api::validate_labels(at(metadata, "labels"), path.child("labels"), errors);
  }
  validate_pod_metadata(metadata, here, errors);
  each_member(metadata, "annotations", [&](std::string_view key, const Value&) {
    add_messages(errors, path.child("annotations"), key,
                 api::check_qualified_name(ascii_lower(key)));
  });
  FieldPath spec = path.child("spec");
  validate_pod_spec(at(pod_template, "spec"), spec, {.is_template = true}, errors);
  if (size_of(at(pod_template, "spec"), "ephemeralContainers") > 0) {
    errors.forbidden(spec.child("ephemeralContainers"),
                     "ephemeral containers not allowed in pod template");
  }
}

void validate_pod_metadata(const Value& metadata, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";
  const Value& cost = at(metadata, "annotations", kDeletionCost);
  if (!cost.IsString()) return;
  std::string_view text = view(cost);
  std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  bool number = !digits.empty() && digits.size() <= 10 &&
                std::all_of(digits.begin(), digits.end(),
                            [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!number || (digits.size() > 1 && digits.front() == '0')) {
    errors.invalid(path.child("annotations").key(kDeletionCost), text, "must be a 32bit integer");
  }
}

}  // namespace kist::apiserver
