// Containers of every sort: names, ports, environment, mounts, probes, resources.
#include <algorithm>
#include <cctype>
#include <set>

#include "kist/api/quantity.h"
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

using Names = std::set<std::string, std::less<>>;

enum class Sort : uint8_t { kRegular, kInit, kEphemeral };

void validate_env_name(std::string_view name, const FieldPath& path, FieldErrors& errors) {
  bool good = std::all_of(name.begin(), name.end(),
                          [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '='; });
  if (!good) {
    errors.invalid(path, name,
                   "a valid environment variable name must consist only of printable ASCII "
                   "characters other than '='");
  }
}

void validate_key_ref(const Value& reference, const FieldPath& path, FieldErrors& errors) {
  std::string_view name = api::text_of(reference, "name"), key = api::text_of(reference, "key");
  if (!name.empty()) {
    add_messages(errors, path.child("name"), name, api::check_dns1123_subdomain(name));
  } else {
    errors.required(path.child("name"));
  }
  if (key.empty()) {
    errors.required(path.child("key"));
  } else {
    add_messages(errors, path.child("key"), key, api::check_config_map_key(key));
  }
}

void validate_value_from(const Value& variable, const FieldPath& path, FieldErrors& errors) {
  const Value& from = at(variable, "valueFrom");
  FieldPath here = path.child("valueFrom");
  int sources = 0;
  if (has(from, "fieldRef")) {
    ++sources;
    validate_field_ref(at(from, "fieldRef"), here.child("fieldRef"), true, errors);
  }
  if (has(from, "resourceFieldRef")) {
    ++sources;
    validate_resource_field_ref(at(from, "resourceFieldRef"), here.child("resourceFieldRef"), false,
                                errors);
  }
  for (const char* reference : {"configMapKeyRef", "secretKeyRef"}) {
    if (!has(from, reference)) continue;
    ++sources;
    validate_key_ref(at(from, reference), here.child(reference), errors);
  }
  constexpr std::string_view kNothing;
  if (sources == 0) {
    errors.invalid(here, kNothing,
                   "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
                   "`secretKeyRef`");
  } else if (!api::text_of(variable, "value").empty()) {
    errors.invalid(here, kNothing, "may not be specified when `value` is not empty");
  } else if (sources > 1) {
    errors.invalid(here, kNothing, "may not have more than one field specified at a time");
  }
}

void validate_env(const Value& container, const FieldPath& path, FieldErrors& errors) {
  each(container, "env", [&](const Value& variable, size_t index) {
    FieldPath here = path.child("env").index(index);
    std::string_view name = api::text_of(variable, "name");
    if (name.empty()) {
      errors.required(here.child("name"));
    } else {
      validate_env_name(name, here.child("name"), errors);
    }
    if (has(variable, "valueFrom")) validate_value_from(variable, here, errors);
  });
  each(container, "envFrom", [&](const Value& source, size_t index) {
    FieldPath here = path.child("envFrom").index(index);
    std::string_view prefix = api::text_of(source, "prefix");
    if (!prefix.empty()) validate_env_name(prefix, here.child("prefix"), errors);
    int sources = 0;
    for (const char* kind : {"configMapRef", "secretRef"}) {
      if (!has(source, kind)) continue;
      ++sources;
      std::string_view name = api::text_of(at(source, kind), "name");
      if (name.empty()) {
        errors.required(here.child(kind).child("name"));
      } else {
        add_messages(errors, here.child(kind).child("name"), name,
                     api::check_dns1123_subdomain(name));
      }
    }
    constexpr std::string_view kNothing;
    if (sources == 0) {
      errors.invalid(here, kNothing, "must specify one of: `configMapRef` or `secretRef`");
    } else if (sources > 1) {
      errors.invalid(here, kNothing, "may not have more than one field specified at a time");
    }
  });
}

void validate_ports(const Value& container, const FieldPath& path, FieldErrors& errors) {
  Names names;
  each(container, "ports", [&](const Value& port, size_t index) {
    FieldPath here = path.child("ports").index(index);
    std::string_view name = api::text_of(port, "name");
    if (!name.empty()) {
      api::Messages wrong = api::check_port_name(name);
      add_messages(errors, here.child("name"), name, wrong);
      if (wrong.empty() && !names.emplace(name).second) {
        errors.duplicate(here.child("name"), name);
      }
    }
    int64_t number = api::int_of(port, "containerPort"), host = api::int_of(port, "hostPort");
    if (number == 0) {
      errors.required(here.child("containerPort"));
    } else {
      check_port(errors, here.child("containerPort"), number);
    }
    if (host != 0) check_port(errors, here.child("hostPort"), host);
    std::string_view protocol = api::text_of(port, "protocol");
    if (protocol.empty()) {
      errors.required(here.child("protocol"));
    } else {
      check_one_of(errors, here.child("protocol"), protocol, {"SCTP", "TCP", "UDP"});
    }
    std::string_view host_ip = api::text_of(port, "hostIP");
    if (!host_ip.empty()) {
      add_messages(errors, here.child("hostIP"), host_ip, api::check_ip(host_ip));
    }
  });
}

void validate_mount(const Value& mount, const Value& container, const FieldPath& path,
                    const Names& volumes, Names& targets, FieldErrors& errors) {
  std::string_view name = api::text_of(mount, "name");
  std::string_view target = api::text_of(mount, "mountPath");
  if (name.empty()) {
    errors.required(path.child("name"));
  } else if (!volumes.contains(name)) {
    errors.not_found(path.child("name"), name);
  }
  if (target.empty()) {
    errors.required(path.child("mountPath"));
  } else if (!targets.emplace(target).second) {
    errors.invalid(path.child("mountPath"), target, "must be unique");
  }
  std::string_view sub = api::text_of(mount, "subPath");
  std::string_view expression = api::text_of(mount, "subPathExpr");
  if (!sub.empty()) validate_relative_path(sub, path.child("subPath"), errors);
  if (!expression.empty()) {
    if (!sub.empty()) {
      errors.invalid(path.child("subPathExpr"), expression,
                     "subPathExpr and subPath are mutually exclusive");
    }
    validate_relative_path(expression, path.child("subPathExpr"), errors);
  }
  std::string_view propagation = api::text_of(mount, "mountPropagation");
  if (!has(mount, "mountPropagation")) return;
  check_one_of(errors, path.child("mountPropagation"), propagation,
               {"Bidirectional", "HostToContainer", "None"});
  if (propagation == "Bidirectional" &&
      !api::bool_of(at(container, "securityContext"), "privileged")) {
    errors.forbidden(path.child("mountPropagation"),
                     "Bidirectional mount propagation is available only to privileged containers");
  }
}

void validate_devices(const Value& container, const FieldPath& path, const Names& volumes,
                      FieldErrors& errors) {
  Names names, paths;
  each(container, "volumeDevices", [&](const Value& device, size_t index) {
    FieldPath here = path.child("volumeDevices").index(index);
    std::string_view name = api::text_of(device, "name");
    std::string_view target = api::text_of(device, "devicePath");
    if (name.empty()) {
      errors.required(here.child("name"));
    } else if (!volumes.contains(name)) {
      errors.not_found(here.child("name"), name);
    } else if (!names.emplace(name).second) {
      errors.invalid(here.child("name"), name, "must be unique");
    }
    if (target.empty()) {
      errors.required(here.child("devicePath"));
    } else if (!paths.emplace(target).second) {
      errors.invalid(here.child("devicePath"), target, "must be unique");
    } else {
      validate_no_backsteps(target, here.child("devicePath"), errors);
    }
  });
}

void validate_http_get(const Value& get, const FieldPath& path, FieldErrors& errors) {
  if (api::text_of(get, "path").empty()) errors.required(path.child("path"));
  check_port_number_or_name(errors, path.child("port"), at(get, "port"));
  check_one_of(errors, path.child("scheme"), api::text_of(get, "scheme"), {"HTTP", "HTTPS"});
  each(get, "httpHeaders", [&](const Value& header, size_t index) {
    std::string_view name = api::text_of(header, "name");
    bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
    if (good) return;
    errors.invalid(path.child("httpHeaders").index(index).child("name"), name,
                   "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
                   "'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')");
  });
}

// `lifecycle`: hooks may sleep; probes have gRPC instead.
void validate_handler(const Value& handler, const FieldPath& path, bool lifecycle,
                      FieldErrors& errors) {
  int count = 0;
  auto is_first = [&](const char* kind) {
    if (!has(handler, kind)) return false;
    if (count++ == 0) return true;
    errors.forbidden(path.child(kind), "may not specify more than 1 handler type");
    return false;
  };
  if (is_first("exec") && size_of(at(handler, "exec"), "command") == 0) {
    errors.required(path.child("exec").child("command"));
  }
  if (is_first("httpGet")) {
    validate_http_get(at(handler, "httpGet"), path.child("httpGet"), errors);
  }
  if (is_first("tcpSocket")) {
    check_port_number_or_name(errors, path.child("tcpSocket").child("port"),
                              at(handler, "tcpSocket", "port"));
  }
  if (!lifecycle && is_first("grpc")) {
    check_port(errors, path.child("grpc").child("port"), api::int_of(at(handler, "grpc"), "port"));
  }
  if (lifecycle && is_first("sleep") && api::int_of(at(handler, "sleep"), "seconds") < 0) {
    errors.invalid(
        path.child("sleep"), api::int_of(at(handler, "sleep"), "seconds"),
        "must be greater than or equal to 0 and less than terminationGracePeriodSeconds");
  }
  if (count == 0) errors.required(path, "must specify a handler type");
}

void validate_probe(const Value& container, const char* name, const FieldPath& path,
                    FieldErrors& errors) {
  if (!has(container, name)) return;
  const Value& probe = at(container, name);
  FieldPath here = path.child(name);
  validate_handler(probe, here, false, errors);
  for (const char* member : {"initialDelaySeconds", "timeoutSeconds", "periodSeconds",
                             "successThreshold", "failureThreshold"}) {
    check_not_negative(errors, here.child(member), api::int_of(probe, member));
  }
  if (has(probe, "terminationGracePeriodSeconds") &&
      api::int_of(probe, "terminationGracePeriodSeconds") <= 0) {
    errors.invalid(here.child("terminationGracePeriodSeconds"),
                   api::int_of(probe, "terminationGracePeriodSeconds"), "must be greater than 0");
  }
  if (std::string_view(name) == "readinessProbe") {
    if (has(probe, "terminationGracePeriodSeconds")) {
      errors.invalid(here.child("terminationGracePeriodSeconds"),
                     api::int_of(probe, "terminationGracePeriodSeconds"),
                     "must not be set for readinessProbes");
    }
  } else if (api::int_of(probe, "successThreshold") != 1) {
    errors.invalid(here.child("successThreshold"), api::int_of(probe, "successThreshold"),
                   "must be 1");
  }
}

void validate_lifecycle(const Value& container, const FieldPath& path, FieldErrors& errors) {
  const Value& lifecycle = at(container, "lifecycle");
  for (const char* hook : {"postStart", "preStop"}) {
    if (has(lifecycle, hook)) {
      validate_handler(at(lifecycle, hook), path.child("lifecycle").child(hook), true, errors);
    }
  }
}

void validate_resize_policy(const Value& container, const FieldPath& path, FieldErrors& errors) {
  Names names;
  each(container, "resizePolicy", [&](const Value& policy, size_t index) {
    FieldPath here = path.child("resizePolicy").index(index);
    std::string_view name = api::text_of(policy, "resourceName");
    if (!names.emplace(name).second) errors.duplicate(here, name);
    check_one_of(errors, here.child("resourceName"), name, {"cpu", "memory"});
    check_one_of(errors, here.child("restartPolicy"), api::text_of(policy, "restartPolicy"),
                 {"NotRequired", "RestartContainer"});
  });
}

void validate_common(const Value& container, const FieldPath& path, const Names& volumes,
                     FieldErrors& errors) {
  std::string_view name = api::text_of(container, "name");
  std::string_view image = api::text_of(container, "image");
  if (name.empty()) {
    errors.required(path.child("name"));
  } else {
    add_messages(errors, path.child("name"), name, api::check_dns1123_label(name));
  }
  if (image.empty()) {
    errors.required(path.child("image"));
  } else if (std::isspace(static_cast<unsigned char>(image.front())) ||
             std::isspace(static_cast<unsigned char>(image.back()))) {
    errors.invalid(path.child("image"), image, "must not have leading or trailing whitespace");
  }
  check_one_of(errors, path.child("terminationMessagePolicy"),
               api::text_of(container, "terminationMessagePolicy"),
               {"FallbackToLogsOnError", "File"});
  validate_ports(container, path, errors);
  validate_env(container, path, errors);
  Names targets;
  each(container, "volumeMounts", [&](const Value& mount, size_t index) {
    validate_mount(mount, container, path.child("volumeMounts").index(index), volumes, targets,
                   errors);
  });
  validate_devices(container, path, volumes, errors);
  check_one_of(errors, path.child("imagePullPolicy"), api::text_of(container, "imagePullPolicy"),
               {"Always", "IfNotPresent", "Never"});
  validate_resources(at(container, "resources"), path.child("resources"), errors);
  validate_resize_policy(container, path, errors);
  validate_container_security(container, path.child("securityContext"), errors);
}

// What ephemeral containers, and init containers that end, cannot have.
void forbid_members(const Value& container, std::initializer_list<const char*> members,
                    const FieldPath& path, std::string_view why, FieldErrors& errors) {
  for (const char* member : members) {
    if (has(container, member)) errors.forbidden(path.child(member), why);
  }
}

void validate_container(const Value& container, Sort sort, const FieldPath& path,
                        const Names& volumes, Names& names, FieldErrors& errors) {
  validate_common(container, path, volumes, errors);
  std::string_view name = api::text_of(container, "name");
  if (!name.empty() && !names.emplace(name).second) errors.duplicate(path.child("name"), name);
  std::string_view restart = api::text_of(container, "restartPolicy");
  bool sidecar = sort == Sort::kInit && restart == "Always";
  if (sort == Sort::kEphemeral) {
    forbid_members(container,
                   {"ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"}, path,
                   "cannot be set for an Ephemeral Container", errors);
    if (size_of(container, "resources") > 0) {
      errors.forbidden(path.child("resources"), "cannot be set for an Ephemeral Container");
    }
    return;
  }
  if (sort == Sort::kRegular && !restart.empty()) {
    errors.forbidden(path.child("restartPolicy"), "may not be set for non-init containers");
  }
  if (sort == Sort::kInit && !restart.empty() && !sidecar) {
    errors.not_supported(path.child("restartPolicy"), restart, {"Always"});
  }
  if (sort == Sort::kInit && !sidecar) {
    forbid_members(container, {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"},
                   path, "may not be set for init containers without restartPolicy=Always", errors);
    return;
  }
  validate_lifecycle(container, path, errors);
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    validate_probe(container, probe, path, errors);
  }
}

void validate_host_ports(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  Names used;
  bool host_network = api::bool_of(spec, "hostNetwork");
  for (const char* list : {"containers", "initContainers"}) {
    each(spec, list, [&](const Value& container, size_t index) {
      each(container, "ports", [&](const Value& port, size_t at_index) {
        FieldPath here = path.child(list).index(index).child("ports").index(at_index);
        int64_t number = api::int_of(port, "containerPort"), host = api::int_of(port, "hostPort");
        if (host_network && host != number) {
          errors.invalid(here.child("containerPort"), number,
                         "must match `hostPort` when `hostNetwork` is true");
        }
        if (host == 0) return;
        std::string key = std::string(api::text_of(port, "protocol")) + "/" +
                          std::string(api::text_of(port, "hostIP")) + "/" + std::to_string(host);
        if (!used.insert(key).second) errors.duplicate(here.child("hostPort"), key);
      });
    });
    if (std::string_view(list) == "containers") used.clear();
  }
}

bool is_container_resource(std::string_view name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage" ||
         name.starts_with("hugepages-");
}

bool is_native(std::string_view name) {
  return name.find('/') == name.npos || name.find("kubernetes.io/") != name.npos;
}

void validate_amount(std::string_view name, const Value& amount, const FieldPath& path,
                     FieldErrors& errors) {
  add_messages(errors, path, name, api::check_qualified_name(name));
  if (name.find('/') == name.npos && !is_container_resource(name)) {
    errors.invalid(path, name, "must be a standard resource type or fully qualified");
    errors.invalid(path, name, "must be a standard resource for containers");
  }
  validate_resource_quantity(name, amount, path, errors);
}

}  // namespace

void validate_resource_quantity(std::string_view name, const Value& amount, const FieldPath& path,
                                FieldErrors& errors) {
  auto parsed = api::Quantity::parse(view(amount));
  if (!parsed.ok()) return;  // the decoder has refused it already
  if (parsed.value().sign() < 0) {
    errors.invalid(path, view(amount), "must be greater than or equal to 0");
  }
  const bool whole = name == "pods" || !is_native(name);
  if (whole && parsed.value().milli_value() % 1000 != 0) {
    errors.invalid(path, view(amount), "must be an integer");
  }
}

void validate_resources(const Value& resources, const FieldPath& path, FieldErrors& errors) {
  for (const char* list : {"limits", "requests"}) {
    each_member(resources, list, [&](std::string_view name, const Value& amount) {
      validate_amount(name, amount, path.child(list).key(name), errors);
    });
  }
  each_member(resources, "requests", [&](std::string_view name, const Value& amount) {
    bool overcommit = is_native(name) && !name.starts_with("hugepages-");
    const Value& bound = at(resources, "limits", name);
    if (bound.IsNull()) {
      if (!overcommit) {
        errors.required(path.child("limits"), "Limit must be set for non overcommitable resources");
      }
      return;
    }
    auto request = api::Quantity::parse(view(amount));
    auto limit = api::Quantity::parse(view(bound));
    if (!request.ok() || !limit.ok()) return;
    int order = request.value().compare(limit.value());
    if (!overcommit && order != 0) {
      errors.invalid(
          path.child("requests"), view(amount),
          "must be equal to " + std::string(name) + " limit of " + std::string(view(bound)));
    } else if (order > 0) {
      errors.invalid(path.child("requests"), view(amount),
                     "must be less than or equal to " + std::string(name) + " limit of " +
                         std::string(view(bound)));
    }
  });
}

void validate_containers(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  Names volumes, names;
  each(spec, "volumes",
       [&](const Value& volume, size_t) { volumes.emplace(api::text_of(volume, "name")); });
  if (size_of(spec, "containers") == 0) errors.required(path.child("containers"));
  struct List {
    const char* member;
    Sort sort;
  };
  for (List list : {List{"containers", Sort::kRegular}, List{"initContainers", Sort::kInit},
                    List{"ephemeralContainers", Sort::kEphemeral}}) {
    each(spec, list.member, [&](const Value& container, size_t index) {
      validate_container(container, list.sort, path.child(list.member).index(index), volumes, names,
                         errors);
    });
  }
  each(spec, "ephemeralContainers", [&](const Value& container, size_t index) {
    std::string_view target = api::text_of(container, "targetContainerName");
    if (!target.empty() && !names.contains(target)) {
      errors.not_found(path.child("ephemeralContainers").index(index).child("targetContainerName"),
                       target);
    }
  });
  validate_host_ports(spec, path, errors);
}

}  // namespace kist::apiserver
