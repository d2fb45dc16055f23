#include "runtime/oci/read_spec.h"

#include "runtime/names.h"
#include "runtime/oci/field.h"
#include "runtime/oci/read_parts.h"

namespace kist::runtime::oci {
namespace {

Result<> read_version(const Field& root) {
  std::string version;
  TRY(root.get("ociVersion", version));
  if (version.empty()) return Error{Code::kInvalid, "ociVersion: Required value"};
  if (!version.starts_with("1.")) {
    return Error{Code::kInvalid, "ociVersion: \"" + version + "\" is not supported, only 1.x is"};
  }
  return {};
}

Result<> read_mounts(const Field& list, ContainerSpec& spec) {
  for (const Field& one : TRY(list.elements())) {
    MountSpec& mount = spec.mounts.emplace_back();
    TRY(one.get("destination", mount.destination));
    TRY(one.get("type", mount.type));
    TRY(one.get("source", mount.source));
    TRY(one.get("options", mount.options));
    TRY(part(one, "uidMappings", read_id_mappings, mount.uid_mappings));
    TRY(part(one, "gidMappings", read_id_mappings, mount.gid_mappings));
  }
  return {};
}

Result<> read_hook_list(const Field& list, std::vector<HookSpec>& hooks) {
  for (const Field& one : TRY(list.elements())) {
    HookSpec& hook = hooks.emplace_back();
    std::optional<int64_t> timeout;
    TRY(one.get("path", hook.path));
    TRY(one.get("args", hook.arguments));
    TRY(one.get("env", hook.environment));
    TRY(one.get("timeout", timeout));
    if (hook.path.empty() || hook.path[0] != '/') return one.invalid("path must be absolute");
    if (timeout && (*timeout <= 0 || *timeout > 86400)) {
      return one.invalid("timeout must be between 1 and 86400 seconds");
    }
    hook.timeout_seconds = static_cast<int>(timeout.value_or(0));
  }
  return {};
}

Result<> read_hooks(const Field& hooks, HooksSpec& spec) {
  TRY(part(hooks, "prestart", read_hook_list, spec.prestart));
  TRY(part(hooks, "createRuntime", read_hook_list, spec.create_runtime));
  TRY(part(hooks, "createContainer", read_hook_list, spec.create_container));
  TRY(part(hooks, "startContainer", read_hook_list, spec.start_container));
  TRY(part(hooks, "poststart", read_hook_list, spec.poststart));
  return part(hooks, "poststop", read_hook_list, spec.poststop);
}

Result<> read_namespaces(const Field& list, ContainerSpec& spec) {
  for (const Field& one : TRY(list.elements())) {
    NamespaceSpec& space = spec.namespaces.emplace_back();
    std::string type;
    TRY(one.get("type", type));
    TRY(one.get("path", space.path));
    const std::optional<NamespaceKind> kind = namespace_kind(type);
    if (!kind) return one.invalid("unknown type \"" + type + "\"");
    space.kind = *kind;
  }
  return {};
}

Result<> read_devices(const Field& list, ContainerSpec& spec) {
  for (const Field& one : TRY(list.elements())) {
    DeviceSpec& device = spec.devices.emplace_back();
    std::string type;
    TRY(one.get("type", type));
    TRY(one.get("path", device.path));
    TRY(one.get("major", device.major));
    TRY(one.get("minor", device.minor));
    TRY(one.get("fileMode", device.mode));
    TRY(one.get("uid", device.uid));
    TRY(one.get("gid", device.gid));
    if (type != "c" && type != "b" && type != "u" && type != "p") {
      return one.invalid("type must be one of c, b, u, p");
    }
    device.type = type[0];
    if (device.path.empty() || device.path[0] != '/') return one.invalid("path must be absolute");
  }
  return {};
}

Result<> read_texts(const Field& object, std::map<std::string, std::string>& to) {
  for (const auto& [name, value] : TRY(object.members())) {
    if (!value.there()) return value.invalid("must be a string");
    TRY(value.read(to[name]));
  }
  return {};
}

Result<> read_time_offsets(const Field& object, ContainerSpec& spec) {
  for (const auto& [clock, offset] : TRY(object.members())) {
    TRY(offset.get("secs", spec.time_offsets_seconds[clock]));
  }
  return {};
}

Result<> read_linux(const Field& field, ContainerSpec& spec) {
  TRY(part(field, "namespaces", read_namespaces, spec));
  TRY(part(field, "uidMappings", read_id_mappings, spec.uid_mappings));
  TRY(part(field, "gidMappings", read_id_mappings, spec.gid_mappings));
  TRY(part(field, "timeOffsets", read_time_offsets, spec));
  TRY(part(field, "devices", read_devices, spec));
  TRY(field.get("cgroupsPath", spec.cgroups_path));
  TRY(part(field, "resources", read_resource_fields, spec.resources));
  TRY(field.get("rootfsPropagation", spec.rootfs_propagation));
  TRY(field.get("mountLabel", spec.mount_label));
  TRY(field.get("maskedPaths", spec.masked_paths));
  TRY(field.get("readonlyPaths", spec.readonly_paths));
  TRY(part(field, "sysctl", read_texts, spec.sysctls));
  const Field seccomp = TRY(field.member("seccomp"));
  if (seccomp.there()) TRY(read_seccomp(seccomp, spec.seccomp.emplace()));
  if (TRY(field.member("intelRdt")).there()) {
    return Error{Code::kInvalid, "linux.intelRdt: is not supported"};
  }
  return {};
}

Result<ContainerSpec> read_root(const Field& root) {
  ContainerSpec spec;
  TRY(read_version(root));
  const Field process = TRY(root.member("process"));
  if (!process.there()) return process.invalid("Required value");
  TRY(read_process_fields(process, spec.process));
  const Field files = TRY(root.member("root"));
  TRY(files.get("path", spec.root.path));
  TRY(files.get("readonly", spec.root.readonly));
  TRY(root.get("hostname", spec.hostname));
  TRY(root.get("domainname", spec.domainname));
  TRY(part(root, "mounts", read_mounts, spec));
  TRY(part(root, "hooks", read_hooks, spec.hooks));
  TRY(part(root, "annotations", read_texts, spec.annotations));
  TRY(part(root, "linux", read_linux, spec));
  return spec;
}

Result<json::Json> parse(std::string_view text) {
  Result<json::Json> parsed = json::parse_json(text);
  if (!parsed.ok()) return Error{Code::kInvalid, parsed.error().message};
  if (!parsed.value().root().IsObject()) return Error{Code::kInvalid, "must be an object"};
  return parsed;
}

}  // namespace

Result<ContainerSpec> read_spec(std::string_view text) {
  const json::Json document = TRY(parse(text));
  return read_root(Field(&document.root(), ""));
}

Result<ProcessSpec> read_process(std::string_view text) {
  const json::Json document = TRY(parse(text));
  ProcessSpec process;
  TRY(read_process_fields(Field(&document.root(), "process"), process));
  return process;
}

Result<ResourceSpec> read_resources(std::string_view text) {
  const json::Json document = TRY(parse(text));
  ResourceSpec resources;
  TRY(read_resource_fields(Field(&document.root(), "resources"), resources));
  return resources;
}

}  // namespace kist::runtime::oci
