// What is accepted in a PodSpec but probably not meant.
#include <map>
#include <set>

#include "kist/api/quantity.h"
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

struct DeprecatedLabel {
  std::string_view key, since, instead;
};
constexpr DeprecatedLabel kLabels[] = {
    {"beta.kubernetes.io/arch", "v1.14", "kubernetes.io/arch"},
    {"beta.kubernetes.io/os", "v1.14", "kubernetes.io/os"},
    {"failure-domain.beta.kubernetes.io/region", "v1.17", "topology.kubernetes.io/region"},
    {"failure-domain.beta.kubernetes.io/zone", "v1.17", "topology.kubernetes.io/zone"},
    {"beta.kubernetes.io/instance-type", "v1.17", "node.kubernetes.io/instance-type"},
};

struct DeprecatedVolume {
  const char* source;
  std::string_view text;
};
constexpr DeprecatedVolume kVolumes[] = {
    {"photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"},
    {"gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"},
    {"scaleIO", "deprecated in v1.16, non-functional in v1.22+"},
    {"flocker", "deprecated in v1.22, non-functional in v1.25+"},
    {"storageos", "deprecated in v1.22, non-functional in v1.25+"},
    {"quobyte", "deprecated in v1.22, non-functional in v1.25+"},
    {"glusterfs", "deprecated in v1.25, non-functional in v1.26+"},
    {"cephfs", "deprecated in v1.28, non-functional in v1.31+"},
    {"rbd", "deprecated in v1.28, non-functional in v1.31+"},
};

void warn_container(const Value& container, const std::string& path,
                    std::vector<std::string>& out) {
  std::set<std::string_view> names;
  each(container, "env", [&](const Value& variable, size_t index) {
    std::string_view name = api::text_of(variable, "name");
    if (names.insert(name).second) return;
    out.push_back(path + ".env[" + std::to_string(index) + "]: hides previous definition of \"" +
                  std::string(name) + "\", which may be dropped when using apply");
  });
  std::map<std::pair<int64_t, std::string_view>, size_t> ports;
  each(container, "ports", [&](const Value& port, size_t index) {
    auto [entry, is_new] = ports.try_emplace(
        {api::int_of(port, "containerPort"), api::text_of(port, "protocol")}, index);
    if (is_new) return;
    out.push_back(path + ".ports[" + std::to_string(index) + "]: duplicate port definition with " +
                  path + ".ports[" + std::to_string(entry->second) + "]");
  });
  for (const char* list : {"limits", "requests"}) {
    const Value& amounts = at(container, "resources", list);
    for (const char* name : {"memory", "ephemeral-storage"}) {
      auto amount = api::Quantity::parse(api::text_of(amounts, name));
      if (!has(amounts, name) || !amount.ok() || amount.value().milli_value() % 1000 == 0) continue;
      out.push_back(path + ".resources." + list + "[" + name + "]: fractional byte value \"" +
                    std::string(api::text_of(amounts, name)) + "\" is invalid, must be an integer");
    }
  }
}

void warn_selectors(const Value& spec, const std::string& path, std::vector<std::string>& out) {
  each(spec, "topologySpreadConstraints", [&](const Value& constraint, size_t index) {
    if (has(constraint, "labelSelector")) return;
    out.push_back(path + ".topologySpreadConstraints[" + std::to_string(index) +
                  "].labelSelector: a null labelSelector results in matching no pod");
  });
  for (const char* kind : {"podAffinity", "podAntiAffinity"}) {
    const char* list = "requiredDuringSchedulingIgnoredDuringExecution";
    each(at(spec, "affinity", kind), list, [&](const Value& term, size_t index) {
      if (has(term, "labelSelector")) return;
      out.push_back(path + ".affinity." + kind + "." + list + "[" + std::to_string(index) +
                    "].labelSelector: a null labelSelector results in matching no pod");
    });
  }
}

}  // namespace

void warn_pod_spec(const Value& spec, std::string_view prefix, std::vector<std::string>& out) {
  std::string path(prefix);
  for (const DeprecatedLabel& label : kLabels) {
    if (!has(at(spec, "nodeSelector"), label.key)) continue;
    out.push_back(path + ".nodeSelector[" + std::string(label.key) + "]: deprecated since " +
                  std::string(label.since) + "; use \"" + std::string(label.instead) +
                  "\" instead");
  }
  each(spec, "volumes", [&](const Value& volume, size_t index) {
    for (const DeprecatedVolume& rule : kVolumes) {
      if (!has(volume, rule.source)) continue;
      out.push_back(path + ".volumes[" + std::to_string(index) + "]." + rule.source + ": " +
                    std::string(rule.text));
    }
  });
  std::set<std::string_view> secrets;
  each(spec, "imagePullSecrets", [&](const Value& secret, size_t index) {
    std::string_view name = api::text_of(secret, "name");
    if (secrets.insert(name).second) return;
    out.push_back(path + ".imagePullSecrets[" + std::to_string(index) +
                  "].name: duplicate name \"" + std::string(name) + "\"");
  });
  if (api::int_of(spec, "terminationGracePeriodSeconds") < 0) {
    out.push_back(path +
                  ".terminationGracePeriodSeconds: must be >= 0; negative values are "
                  "invalid and will be treated as 1");
  }
  for (const char* list : {"initContainers", "containers"}) {
    each(spec, list, [&](const Value& container, size_t index) {
      warn_container(container, path + "." + list + "[" + std::to_string(index) + "]", out);
    });
  }
  warn_selectors(spec, path, out);
}

}  // namespace kist::apiserver
