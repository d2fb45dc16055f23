// Security contexts of Pods and containers.
#include <algorithm>
#include <cctype>
#include <set>

#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

constexpr int64_t kIdMax = 2147483647;
constexpr std::string_view kIdDetail = "must be between 0 and 2147483647, inclusive";

void validate_id(const Value& value, const FieldPath& path, FieldErrors& errors) {
  if (!value.IsInt64()) return;
  int64_t id = value.GetInt64();
  if (id < 0 || id > kIdMax) errors.invalid(path, id, kIdDetail);
}

void validate_profile(const Value& context, const char* member, std::string_view word,
                      const FieldPath& path, FieldErrors& errors) {
  if (!has(context, member)) return;
  const Value& profile = at(context, member);
  FieldPath here = path.child(member);
  std::string_view type = api::text_of(profile, "type");
  if (type.empty()) {
    errors.required(here.child("type"), "type is required when " + std::string(member) + " is set");
    return;
  }
  check_one_of(errors, here.child("type"), type, {"Localhost", "RuntimeDefault", "Unconfined"});
  bool local = has(profile, "localhostProfile");
  std::string_view name = api::text_of(profile, "localhostProfile");
  if (type == "Localhost") {
    if (!local) {
      errors.required(here.child("localhostProfile"),
                      "must be set when " + std::string(word) + " type is Localhost");
    } else {
      validate_relative_path(name, here.child("localhostProfile"), errors);
    }
  } else if (local) {
    errors.invalid(here.child("localhostProfile"), name,
                   "can only be set when " + std::string(word) + " type is Localhost");
  }
}

// Dotted or slashed segments of lower-case letters, digits, '-' and '_'.
bool is_sysctl_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  bool start = true;
  for (size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (c == '.' || c == '/') {
      if (start || !is_word(name[i - 1])) return false;
      start = true;
    } else if (is_word(c)) {
      start = false;
    } else if ((c != '-' && c != '_') || start) {
      return false;
    }
  }
  return !start && is_word(name.back());
}

void validate_sysctls(const Value& context, const FieldPath& path, FieldErrors& errors) {
  std::set<std::string_view> names;
  each(context, "sysctls", [&](const Value& sysctl, size_t index) {
    FieldPath here = path.child("sysctls").index(index).child("name");
    std::string_view name = api::text_of(sysctl, "name");
    if (name.empty()) {
      errors.required(here);
    } else if (!is_sysctl_name(name)) {
      errors.invalid(here, name,
                     "must have at most 253 characters and match regex "
                     "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
    } else if (!names.insert(name).second) {
      errors.duplicate(here, name);
    }
  });
}

}  // namespace

void validate_seccomp(const Value& context, const FieldPath& path, FieldErrors& errors) {
  validate_profile(context, "seccompProfile", "seccomp", path, errors);
  validate_profile(context, "appArmorProfile", "AppArmor", path, errors);
}

void validate_pod_security(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  const Value& context = at(spec, "securityContext");
  FieldPath here = path.child("securityContext");
  if (api::bool_of(spec, "shareProcessNamespace") && api::bool_of(spec, "hostPID")) {
    errors.invalid(path.child("shareProcessNamespace"), at(spec, "shareProcessNamespace"),
                   "ShareProcessNamespace and HostPID cannot both be enabled");
  }
  if (has(spec, "hostUsers") && !api::bool_of(spec, "hostUsers")) {
    for (const char* sharing : {"hostNetwork", "hostPID", "hostIPC"}) {
      if (api::bool_of(spec, sharing)) {
        errors.forbidden(path.child(sharing), "when `hostUsers` is false");
      }
    }
  }
  for (const char* id : {"runAsUser", "runAsGroup", "fsGroup"}) {
    validate_id(at(context, id), here.child(id), errors);
  }
  each(context, "supplementalGroups", [&](const Value& id, size_t index) {
    validate_id(id, here.child("supplementalGroups").index(index), errors);
  });
  if (has(context, "fsGroupChangePolicy")) {
    check_one_of(errors, here.child("fsGroupChangePolicy"),
                 api::text_of(context, "fsGroupChangePolicy"), {"Always", "OnRootMismatch"});
  }
  if (has(context, "supplementalGroupsPolicy")) {
    check_one_of(errors, here.child("supplementalGroupsPolicy"),
                 api::text_of(context, "supplementalGroupsPolicy"), {"Merge", "Strict"});
  }
  validate_sysctls(context, here, errors);
  validate_seccomp(context, here, errors);
}

void validate_container_security(const Value& container, const FieldPath& path,
                                 FieldErrors& errors) {
  const Value& context = at(container, "securityContext");
  if (context.IsNull()) return;
  for (const char* id : {"runAsUser", "runAsGroup"}) {
    validate_id(at(context, id), path.child(id), errors);
  }
  if (has(context, "procMount")) {
    check_one_of(errors, path.child("procMount"), api::text_of(context, "procMount"),
                 {"Default", "Unmasked"});
  }
  validate_seccomp(context, path, errors);
  if (api::bool_of(context, "allowPrivilegeEscalation", true)) return;
  if (api::bool_of(context, "privileged")) {
    errors.invalid(path, context,
                   "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
  }
  each(at(context, "capabilities"), "add", [&](const Value& capability, size_t) {
    if (view(capability) != "CAP_SYS_ADMIN") return;
    errors.invalid(path, context,
                   "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` "
                   "CAP_SYS_ADMIN");
  });
}

}  // namespace kist::apiserver
