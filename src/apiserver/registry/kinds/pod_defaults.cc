// What Kubernetes fills into a PodSpec that its author left out.
#include <string_view>

#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {
namespace {

constexpr int64_t kFileModeDefault = 0644;

// "Always" for a reference without tag or with tag latest, unless a digest pins it.
std::string_view pull_policy_of(std::string_view image) {
  if (image.find('@') != image.npos) return "IfNotPresent";
  size_t name = image.rfind('/');
  std::string_view last = name == image.npos ? image : image.substr(name + 1);
  size_t colon = last.find(':');
  if (colon == last.npos) return "Always";
  return last.substr(colon + 1) == "latest" ? "Always" : "IfNotPresent";
}

void default_handler(Value& handler, Allocator& allocator) {
  if (Value* get = api::find(handler, "httpGet"); get != nullptr && get->IsObject()) {
    default_text(*get, "path", "/", allocator);
    default_text(*get, "scheme", "HTTP", allocator);
  }
  if (Value* grpc = api::find(handler, "grpc"); grpc != nullptr && grpc->IsObject()) {
    default_text_or_empty(*grpc, "service", allocator);
  }
}

void default_probe(Value& container, std::string_view name, Allocator& allocator) {
  Value* probe = api::find(container, name);
  if (probe == nullptr || !probe->IsObject()) return;
  default_nonzero(*probe, "timeoutSeconds", 1, allocator);
  default_nonzero(*probe, "periodSeconds", 10, allocator);
  default_nonzero(*probe, "successThreshold", 1, allocator);
  default_nonzero(*probe, "failureThreshold", 3, allocator);
  default_handler(*probe, allocator);
}

void default_lifecycle(Value& container, Allocator& allocator) {
  Value* lifecycle = api::find(container, "lifecycle");
  if (lifecycle == nullptr || !lifecycle->IsObject()) return;
  for (std::string_view hook : {"postStart", "preStop"}) {
    Value* handler = api::find(*lifecycle, hook);
    if (handler != nullptr && handler->IsObject()) default_handler(*handler, allocator);
  }
}

void default_env(Value& container, Allocator& allocator) {
  each(container, "env", [&](Value& variable, size_t) {
    Value* from = api::find(variable, "valueFrom");
    if (from == nullptr || !from->IsObject()) return;
    Value* field = api::find(*from, "fieldRef");
    if (field != nullptr && field->IsObject()) default_text(*field, "apiVersion", "v1", allocator);
  });
}

void default_downward_items(Value& source, Allocator& allocator) {
  each(source, "items", [&](Value& item, size_t) {
    Value* field = api::find(item, "fieldRef");
    if (field != nullptr && field->IsObject()) default_text(*field, "apiVersion", "v1", allocator);
  });
}

void default_projected(Value& projected, Allocator& allocator) {
  default_int(projected, "defaultMode", kFileModeDefault, allocator);
  each(projected, "sources", [&](Value& source, size_t) {
    if (Value* token = api::find(source, "serviceAccountToken");
        token != nullptr && token->IsObject()) {
      default_int(*token, "expirationSeconds", 3600, allocator);
    }
    if (Value* downward = api::find(source, "downwardAPI"); downward != nullptr) {
      default_downward_items(*downward, allocator);
    }
  });
}

struct TextDefault {
  std::string_view source, member, text;
};
constexpr TextDefault kVolumeTexts[] = {{"iscsi", "iscsiInterface", "default"},
                                        {"rbd", "pool", "rbd"},
                                        {"rbd", "user", "admin"},
                                        {"rbd", "keyring", "/etc/ceph/keyring"},
                                        {"azureDisk", "cachingMode", "ReadWrite"},
                                        {"azureDisk", "kind", "Shared"},
                                        {"azureDisk", "fsType", "ext4"},
                                        {"scaleIO", "fsType", "xfs"},
                                        {"scaleIO", "storageMode", "ThinProvisioned"}};

// requests[r] = limits[r] where only the limit is given.
void requests_from_limits(Value& container, Allocator& allocator) {
  Value* resources = api::find(container, "resources");
  if (resources == nullptr || size_of(*resources, "limits") == 0) return;
  Value limits = api::copy(at(*resources, "limits"), allocator);
  Value& requests = api::child(*resources, "requests", allocator);
  for (const auto& limit : limits.GetObject()) {
    if (!has(requests, view(limit.name))) put(requests, view(limit.name), limit.value, allocator);
  }
}

void default_resize_policy(Value& container, Allocator& allocator) {
  const Value& resources = at(container, "resources");
  for (std::string_view name : {"cpu", "memory"}) {
    if (!has(at(resources, "requests"), name) && !has(at(resources, "limits"), name)) continue;
    bool known = false;
    each(container, "resizePolicy", [&](const Value& policy, size_t) {
      known = known || api::text_of(policy, "resourceName") == name;
    });
    if (known) continue;
    if (!has(container, "resizePolicy")) {
      api::set(container, "resizePolicy", Value(rapidjson::kArrayType), allocator);
    }
    Value policy(rapidjson::kObjectType);
    api::set(policy, "resourceName", name, allocator);
    api::set(policy, "restartPolicy", std::string_view("NotRequired"), allocator);
    api::find(container, "resizePolicy")->PushBack(policy, allocator);
  }
}

void default_host_ports(Value& spec, std::string_view list, Allocator& allocator) {
  each(spec, list, [&](Value& container, size_t) {
    each(container, "ports", [&](Value& port, size_t) {
      default_nonzero(port, "hostPort", api::int_of(port, "containerPort"), allocator);
    });
  });
}

// serviceAccount is the old name of serviceAccountName; both are always shown.
void mirror_service_account(Value& spec, Allocator& allocator) {
  std::string name(api::text_of(spec, "serviceAccountName"));
  if (name.empty()) name = api::text_of(spec, "serviceAccount");
  if (name.empty()) return;
  api::set(spec, "serviceAccountName", std::string_view(name), allocator);
  api::set(spec, "serviceAccount", std::string_view(name), allocator);
}

}  // namespace

void default_container(Value& container, Allocator& allocator) {
  if (!container.IsObject()) return;
  default_text(container, "imagePullPolicy", pull_policy_of(api::text_of(container, "image")),
               allocator);
  default_text(container, "terminationMessagePath", "/dev/termination-log", allocator);
  default_text(container, "terminationMessagePolicy", "File", allocator);
  each(container, "ports",
       [&](Value& port, size_t) { default_text(port, "protocol", "TCP", allocator); });
  for (std::string_view probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    default_probe(container, probe, allocator);
  }
  default_lifecycle(container, allocator);
  default_env(container, allocator);
}

void default_volume(Value& volume, Allocator& allocator) {
  if (!volume.IsObject()) return;
  bool has_source = false;
  for (const auto& member : volume.GetObject()) {
    has_source = has_source || (view(member.name) != "name" && !member.value.IsNull());
  }
  if (!has_source) default_object(volume, "emptyDir", allocator);
  for (std::string_view name : {"secret", "configMap", "downwardAPI"}) {
    Value* source = api::find(volume, name);
    if (source == nullptr || !source->IsObject()) continue;
    default_int(*source, "defaultMode", kFileModeDefault, allocator);
    if (name == "downwardAPI") default_downward_items(*source, allocator);
  }
  if (Value* projected = api::find(volume, "projected"); projected && projected->IsObject()) {
    default_projected(*projected, allocator);
  }
  if (Value* path = api::find(volume, "hostPath"); path && path->IsObject()) {
    default_text_or_empty(*path, "type", allocator);
  }
  if (Value* image = api::find(volume, "image"); image && image->IsObject()) {
    default_text(*image, "pullPolicy", pull_policy_of(api::text_of(*image, "reference")),
                 allocator);
  }
  for (const TextDefault& rule : kVolumeTexts) {
    Value* source = api::find(volume, rule.source);
    if (source && source->IsObject()) default_text(*source, rule.member, rule.text, allocator);
  }
  if (Value* disk = api::find(volume, "azureDisk"); disk && disk->IsObject()) {
    default_bool(*disk, "readOnly", false, allocator);
  }
  if (Value* ephemeral = api::find(volume, "ephemeral"); ephemeral && ephemeral->IsObject()) {
    Value* claim = api::find(*ephemeral, "volumeClaimTemplate");
    Value* claim_spec = claim && claim->IsObject() ? api::find(*claim, "spec") : nullptr;
    if (claim_spec) default_text(*claim_spec, "volumeMode", "Filesystem", allocator);
  }
}

void default_pod_spec(Value& spec, Allocator& allocator) {
  if (!spec.IsObject()) return;
  api::remove(spec, "resources");  // 1.33 drops it unless its gate PodLevelResources is on
  default_text(spec, "dnsPolicy", "ClusterFirst", allocator);
  default_text(spec, "restartPolicy", "Always", allocator);
  default_text(spec, "schedulerName", "default-scheduler", allocator);
  default_int(spec, "terminationGracePeriodSeconds", 30, allocator);
  default_object(spec, "securityContext", allocator);
  mirror_service_account(spec, allocator);
  for (std::string_view list : {"containers", "initContainers", "ephemeralContainers"}) {
    each(spec, list, [&](Value& container, size_t) { default_container(container, allocator); });
  }
  each(spec, "volumes", [&](Value& volume, size_t) { default_volume(volume, allocator); });
}

void default_pod_only(Value& spec, Allocator& allocator) {
  if (!spec.IsObject()) return;
  default_bool(spec, "enableServiceLinks", true, allocator);
  for (std::string_view list : {"containers", "initContainers"}) {
    each(spec, list, [&](Value& container, size_t) {
      requests_from_limits(container, allocator);
      bool resizable = list == "containers" || api::text_of(container, "restartPolicy") == "Always";
      if (resizable) default_resize_policy(container, allocator);
    });
    if (api::bool_of(spec, "hostNetwork")) default_host_ports(spec, list, allocator);
  }
}

}  // namespace kist::apiserver
