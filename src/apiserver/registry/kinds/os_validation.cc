// spec.os: what a Pod for Linux or for Windows may not say.
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kNotOnLinux = "windows options cannot be set for a linux pod";
constexpr std::string_view kNotOnWindows = "cannot be set for a windows pod";

// f(container, path) for each container of any list.
template <typename F>
void each_container(const Value& spec, const FieldPath& path, F f) {
  for (const char* list : {"initContainers", "containers", "ephemeralContainers"})
    each(spec, list, [&](const Value& container, size_t index) {
      f(at(container, "securityContext"), path.child(list).index(index).child("securityContext"));
    });
}

void forbid(const Value& object, std::initializer_list<const char*> members, const FieldPath& path,
            std::string_view why, FieldErrors& errors) {
  for (const char* member : members)
    if (has(object, member)) errors.forbidden(path.child(member), std::string(why));
}

void validate_linux(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  forbid(at(spec, "securityContext"), {"windowsOptions"}, path.child("securityContext"),
         kNotOnLinux, errors);
  each_container(spec, path, [&](const Value& context, const FieldPath& here) {
    forbid(context, {"windowsOptions"}, here, kNotOnLinux, errors);
  });
}

void validate_windows(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  const Value& context = at(spec, "securityContext");
  const FieldPath here = path.child("securityContext");
  forbid(context, {"appArmorProfile", "seLinuxOptions"}, here, kNotOnWindows, errors);
  forbid(spec, {"hostUsers"}, path, kNotOnWindows, errors);
  for (const char* member : {"hostPID", "hostIPC"})
    if (api::bool_of(spec, member))
      errors.forbidden(path.child(member), std::string(kNotOnWindows));
  forbid(context, {"seccompProfile", "fsGroup", "fsGroupChangePolicy"}, here, kNotOnWindows,
         errors);
  if (size_of(context, "sysctls") > 0)
    errors.forbidden(here.child("sysctls"), std::string(kNotOnWindows));
  forbid(spec, {"shareProcessNamespace"}, path, kNotOnWindows, errors);
  forbid(context, {"runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy"},
         here, kNotOnWindows, errors);
  each_container(spec, path, [&](const Value& container, const FieldPath& where) {
    forbid(container,
           {"appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities",
            "readOnlyRootFilesystem", "privileged", "allowPrivilegeEscalation", "procMount",
            "runAsUser", "runAsGroup"},
           where, kNotOnWindows, errors);
  });
}

}  // namespace

void validate_os(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  if (!has(spec, "os")) return;
  const std::string_view os = api::text_of(at(spec, "os"), "name");
  if (os.empty())
    errors.required(path.child("os").child("name"), "cannot be empty");
  else if (os == "linux")
    validate_linux(spec, path, errors);
  else if (os == "windows")
    validate_windows(spec, path, errors);
  else
    check_one_of(errors, path.child("os"), os, {"linux", "windows"});
}

}  // namespace kist::apiserver
