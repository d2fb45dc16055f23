// Volumes, and the references to fields and resources that volumes and variables share.
#include <algorithm>
#include <set>
#include <span>

#include "kist/api/quantity.h"
#include "kist/base/text.h"
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kModeDetail =
    "must be a number between 0 and 0777 (octal), both inclusive";

void validate_mode(const Value& source, const char* member, const FieldPath& path,
                   FieldErrors& errors) {
  int64_t mode = api::int_of(source, member);
  if (mode < 0 || mode > 0777) errors.invalid(path.child(member), mode, kModeDetail);
}

void validate_key_to_path(const Value& item, const FieldPath& path, FieldErrors& errors) {
  if (api::text_of(item, "key").empty()) errors.required(path.child("key"));
  std::string_view target = api::text_of(item, "path");
  if (target.empty()) {
    errors.required(path.child("path"));
  } else {
    validate_relative_path(target, path.child("path"), errors);
  }
  validate_mode(item, "mode", path, errors);
}

void validate_keyed(const Value& source, const char* name_member, const FieldPath& path,
                    bool with_default_mode, FieldErrors& errors) {
  if (api::text_of(source, name_member).empty()) errors.required(path.child(name_member));
  if (with_default_mode) validate_mode(source, "defaultMode", path, errors);
  each(source, "items", [&](const Value& item, size_t index) {
    validate_key_to_path(item, path.child("items").index(index), errors);
  });
}

void validate_downward_file(const Value& item, const FieldPath& path, FieldErrors& errors) {
  std::string_view target = api::text_of(item, "path");
  if (target.empty()) {
    errors.required(path.child("path"));
  } else {
    validate_relative_path(target, path.child("path"), errors);
  }
  bool field = has(item, "fieldRef"), resource = has(item, "resourceFieldRef");
  if (field) {
    validate_field_ref(at(item, "fieldRef"), path.child("fieldRef"), false, errors);
    if (resource) {
      errors.invalid(path, std::string_view("resource"),
                     "fieldRef and resourceFieldRef can not be specified simultaneously");
    }
  } else if (resource) {
    validate_resource_field_ref(at(item, "resourceFieldRef"), path.child("resourceFieldRef"), true,
                                errors);
  } else {
    errors.required(path.child("fieldRef"), "one of fieldRef and resourceFieldRef is required");
  }
  validate_mode(item, "mode", path, errors);
}

void validate_downward(const Value& source, const FieldPath& path, FieldErrors& errors) {
  validate_mode(source, "defaultMode", path, errors);
  each(source, "items", [&](const Value& item, size_t index) {
    validate_downward_file(item, path.child("items").index(index), errors);
  });
}

void validate_token_projection(const Value& token, const FieldPath& path, FieldErrors& errors) {
  int64_t seconds = api::int_of(token, "expirationSeconds");
  if (seconds < 600) {
    errors.invalid(path.child("expirationSeconds"), seconds,
                   "may not specify a duration less than 10 minutes");
  }
  if (seconds > int64_t{1} << 32) {
    errors.invalid(path.child("expirationSeconds"), seconds,
                   "may not specify a duration larger than 2^32 seconds");
  }
  std::string_view target = api::text_of(token, "path");
  if (target.empty()) {
    errors.required(path.child("path"));
  } else {
    validate_relative_path(target, path.child("path"), errors);
  }
}

void validate_projected(const Value& projected, const FieldPath& path, FieldErrors& errors) {
  validate_mode(projected, "defaultMode", path, errors);
  each(projected, "sources", [&](const Value& source, size_t index) {
    FieldPath here = path.child("sources").index(index);
    int count = 0;
    auto is_first = [&](const char* kind) {
      if (!has(source, kind)) return false;
      if (count++ == 0) return true;
      errors.forbidden(here.child(kind), "may not specify more than 1 volume type per source");
      return false;
    };
    for (const char* kind : {"secret", "configMap"}) {
      if (is_first(kind)) validate_keyed(at(source, kind), "name", here.child(kind), false, errors);
    }
    if (is_first("downwardAPI")) {
      validate_downward(at(source, "downwardAPI"), here.child("downwardAPI"), errors);
    }
    if (is_first("serviceAccountToken")) {
      validate_token_projection(at(source, "serviceAccountToken"),
                                here.child("serviceAccountToken"), errors);
    }
    if (is_first("clusterTrustBundle")) {
      std::string_view target = api::text_of(at(source, "clusterTrustBundle"), "path");
      if (target.empty()) errors.required(here.child("clusterTrustBundle").child("path"));
    }
    if (count == 0)
      errors.required(here,
                      "must specify one of: `secret`, `configMap`, `downwardAPI`, "
                      "`serviceAccountToken` or `clusterTrustBundle`");
  });
}

void validate_host_path(const Value& source, const FieldPath& path, FieldErrors& errors) {
  std::string_view target = api::text_of(source, "path");
  if (target.empty()) {
    errors.required(path.child("path"));
  } else {
    validate_no_backsteps(target, path.child("path"), errors);
  }
  check_one_of(errors, path.child("type"), api::text_of(source, "type"),
               {"", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File",
                "FileOrCreate", "Socket"});
}

void validate_empty_dir(const Value& source, const FieldPath& path, FieldErrors& errors) {
  auto size = api::Quantity::parse(api::text_of(source, "sizeLimit"));
  if (has(source, "sizeLimit") && size.ok() && size.value().sign() < 0) {
    errors.forbidden(path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity");
  }
  std::string_view medium = api::text_of(source, "medium");
  if (!medium.empty() && medium != "Memory" && !medium.starts_with("HugePages")) {
    errors.not_supported(path.child("medium"), medium, {"", "HugePages", "Memory"});
  }
}

// What must not be empty in sources that have no rules beyond that.
struct RequiredMember {
  const char* source;
  const char* member;
};
constexpr RequiredMember kRequired[] = {
    {"persistentVolumeClaim", "claimName"},
    {"nfs", "server"},
    {"nfs", "path"},
    {"csi", "driver"},
    {"image", "reference"},
    {"ephemeral", "volumeClaimTemplate"},
    {"gcePersistentDisk", "pdName"},
    {"awsElasticBlockStore", "volumeID"},
    {"gitRepo", "repository"},
    {"iscsi", "targetPortal"},
    {"iscsi", "iqn"},
    {"glusterfs", "endpoints"},
    {"glusterfs", "path"},
    {"flexVolume", "driver"},
    {"rbd", "image"},
    {"cephfs", "monitors"},
    {"cinder", "volumeID"},
    {"vsphereVolume", "volumePath"},
    {"azureFile", "secretName"},
    {"azureFile", "shareName"},
    {"azureDisk", "diskName"},
    {"azureDisk", "diskURI"},
    {"quobyte", "registry"},
    {"quobyte", "volume"},
    {"portworxVolume", "volumeID"},
    {"scaleIO", "gateway"},
    {"scaleIO", "system"},
    {"scaleIO", "volumeName"},
};

void validate_known_source(std::string_view kind, const Value& source, const FieldPath& path,
                           FieldErrors& errors) {
  if (kind == "hostPath") validate_host_path(source, path, errors);
  if (kind == "emptyDir") validate_empty_dir(source, path, errors);
  if (kind == "secret") validate_keyed(source, "secretName", path, true, errors);
  if (kind == "configMap") validate_keyed(source, "name", path, true, errors);
  if (kind == "downwardAPI") validate_downward(source, path, errors);
  if (kind == "projected") validate_projected(source, path, errors);
  for (const RequiredMember& rule : kRequired) {
    if (rule.source != kind) continue;
    const Value& value = at(source, rule.member);
    if (value.IsNull() || (value.IsString() && view(value).empty())) {
      errors.required(path.child(rule.member));
    }
  }
  std::string_view target = api::text_of(source, "path");
  if (kind == "nfs" && !target.empty() && target.front() != '/') {
    errors.invalid(path.child("path"), target, "must be an absolute path");
  }
}

constexpr std::string_view kEnvFields[] = {"metadata.name",
                                           "metadata.namespace",
                                           "metadata.uid",
                                           "spec.nodeName",
                                           "spec.serviceAccountName",
                                           "status.hostIP",
                                           "status.hostIPs",
                                           "status.podIP",
                                           "status.podIPs"};
constexpr std::string_view kVolumeFields[] = {"metadata.annotations", "metadata.labels",
                                              "metadata.name", "metadata.namespace",
                                              "metadata.uid"};

bool contains(std::span<const std::string_view> list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// metadata.annotations['key'], metadata.labels['key']; false where it has no such form.
bool validate_subscript(std::string_view text, const FieldPath& path, FieldErrors& errors) {
  size_t open = text.find("['");
  if (open == text.npos || !text.ends_with("']")) return false;
  std::string_view base = text.substr(0, open);
  std::string key(text.substr(open + 2, text.size() - open - 4));
  if (base == "metadata.annotations") {
    key = ascii_lower(key);
  } else if (base != "metadata.labels") {
    errors.invalid(path, text, "does not support subscript");
    return true;
  }
  add_messages(errors, path, key, api::check_qualified_name(key));
  return true;
}

}  // namespace

void validate_field_ref(const Value& reference, const FieldPath& path, bool for_env,
                        FieldErrors& errors) {
  std::string_view field = api::text_of(reference, "fieldPath");
  if (api::text_of(reference, "apiVersion").empty()) {
    errors.required(path.child("apiVersion"));
    return;
  }
  if (field.empty()) {
    errors.required(path.child("fieldPath"));
    return;
  }
  FieldPath here = path.child("fieldPath");
  if (validate_subscript(field, here, errors)) return;
  bool known = contains(kEnvFields, field) || contains(kVolumeFields, field) ||
               field == "spec.restartPolicy" || field == "spec.schedulerName" ||
               field == "status.phase";
  if (!known) {
    errors.invalid(here, field,
                   "error converting fieldPath: field label not supported: " + std::string(field));
    return;
  }
  std::span<const std::string_view> allowed = kVolumeFields;
  if (for_env) allowed = kEnvFields;
  if (!contains(allowed, field)) {
    errors.not_supported(here, field, {allowed.begin(), allowed.end()});
  }
}

void validate_resource_field_ref(const Value& reference, const FieldPath& path, bool volume,
                                 FieldErrors& errors) {
  if (volume && api::text_of(reference, "containerName").empty()) {
    errors.required(path.child("containerName"));
    return;
  }
  std::string_view resource = api::text_of(reference, "resource");
  if (resource.empty()) {
    errors.required(path.child("resource"));
    return;
  }
  if (resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-")) {
    return;
  }
  check_one_of(errors, path.child("resource"), resource,
               {"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
                "requests.ephemeral-storage", "requests.memory"});
}

void validate_no_backsteps(std::string_view text, const FieldPath& path, FieldErrors& errors) {
  for (size_t start = 0; start <= text.size();) {
    size_t end = std::min(text.find('/', start), text.size());
    if (text.substr(start, end - start) == "..") {
      errors.invalid(path, text, "must not contain '..'");
      return;
    }
    start = end + 1;
  }
}

void validate_relative_path(std::string_view text, const FieldPath& path, FieldErrors& errors) {
  if (text.starts_with('/')) errors.invalid(path, text, "must be a relative path");
  validate_no_backsteps(text, path, errors);
}

void validate_volumes(const Value& spec, const FieldPath& path, FieldErrors& errors) {
  std::set<std::string_view> names;
  each(spec, "volumes", [&](const Value& volume, size_t index) {
    FieldPath here = path.child("volumes").index(index);
    std::string_view name = api::text_of(volume, "name");
    if (name.empty()) {
      errors.required(here.child("name"));
    } else {
      add_messages(errors, here.child("name"), name, api::check_dns1123_label(name));
      if (!names.insert(name).second) errors.duplicate(here.child("name"), name);
    }
    int sources = 0;
    if (!volume.IsObject()) return;
    for (const auto& member : volume.GetObject()) {
      std::string_view kind = view(member.name);
      if (kind == "name" || member.value.IsNull()) continue;
      if (sources++ > 0) {
        errors.forbidden(here.child(kind), "may not specify more than 1 volume type");
      } else {
        validate_known_source(kind, member.value, here.child(kind), errors);
      }
    }
    if (sources == 0) errors.required(here, "must specify a volume type");
  });
}

}  // namespace kist::apiserver
