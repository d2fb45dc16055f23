#include "src/apiserver/admission/pod_plugins.h"

#include "kist/base/random.h"
#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kTokenPath = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::string_view kTokenVolumePrefix = "kube-api-access-";
constexpr std::string_view kMirror = "kubernetes.io/config.mirror";
// An hour, and seven seconds that let the server recognise tokens it bound to pods itself.
constexpr int64_t kTokenSeconds = 3607;
constexpr int64_t kTolerationSeconds = 300;

bool is_pod_create(const Attributes& attributes) {
  return attributes.operation == Operation::kCreate && attributes.group.empty() &&
         attributes.resource == "pods" && attributes.subresource.empty();
}

Value object_of(std::initializer_list<std::pair<std::string_view, std::string_view>> members,
                Allocator& allocator) {
  Value object(rapidjson::kObjectType);
  for (const auto& [key, value] : members) api::set(object, key, value, allocator);
  return object;
}

Value& list_at(Value& object, std::string_view member, Allocator& allocator) {
  if (!has(object, member)) api::set(object, member, Value(rapidjson::kArrayType), allocator);
  return *api::find(object, member);
}

// Mirror pods show what a node runs on its own: they own nothing in the API.
Result<> check_mirror_pod(const Attributes& attributes, const Value& pod) {
  if (!api::text_of(at(pod, "spec"), "serviceAccountName").empty()) {
    return forbidden(attributes, "a mirror pod may not reference service accounts");
  }
  bool secrets = false;
  each(at(pod, "spec"), "volumes",
       [&](const Value& volume, size_t) { secrets = secrets || has(volume, "secret"); });
  if (secrets) return forbidden(attributes, "a mirror pod may not reference secrets");
  return {};
}

Value token_volume(const std::string& name, Allocator& allocator) {
  Value token(rapidjson::kObjectType);
  api::set(token, "expirationSeconds", Value(kTokenSeconds), allocator);
  api::set(token, "path", std::string_view("token"), allocator);

  Value root(rapidjson::kObjectType);
  Value root_items(rapidjson::kArrayType);
  root_items.PushBack(object_of({{"key", "ca.crt"}, {"path", "ca.crt"}}, allocator), allocator);
  api::set(root, "items", std::move(root_items), allocator);
  api::set(root, "name", std::string_view("kube-root-ca.crt"), allocator);

  Value item(rapidjson::kObjectType);
  api::set(item, "fieldRef",
           object_of({{"apiVersion", "v1"}, {"fieldPath", "metadata.namespace"}}, allocator),
           allocator);
  api::set(item, "path", std::string_view("namespace"), allocator);
  Value downward_items(rapidjson::kArrayType);
  downward_items.PushBack(item, allocator);
  Value downward(rapidjson::kObjectType);
  api::set(downward, "items", std::move(downward_items), allocator);

  Value sources(rapidjson::kArrayType);
  auto add = [&](std::string_view kind, Value value) {
    Value source(rapidjson::kObjectType);
    api::set(source, kind, std::move(value), allocator);
    sources.PushBack(source, allocator);
  };
  add("serviceAccountToken", std::move(token));
  add("configMap", std::move(root));
  add("downwardAPI", std::move(downward));

  Value volume(rapidjson::kObjectType);
  api::set(volume, "name", std::string_view(name), allocator);
  Value& projection = api::child(volume, "projected", allocator);
  api::set(projection, "defaultMode", Value(int64_t{0644}), allocator);
  api::set(projection, "sources", std::move(sources), allocator);
  return volume;
}

// Mounts the token where the container has nothing of its own; says whether any needed it.
bool mount_token(Value& spec, const std::string& volume, Allocator& allocator) {
  bool mounted = false;
  for (std::string_view list : {"initContainers", "containers"}) {
    each(spec, list, [&](Value& container, size_t) {
      bool own = false;
      each(std::as_const(container), "volumeMounts", [&](const Value& mount, size_t) {
        own = own || api::text_of(mount, "mountPath") == kTokenPath;
      });
      if (own) return;
      Value mount = object_of({{"name", volume}, {"mountPath", kTokenPath}}, allocator);
      api::set(mount, "readOnly", Value(true), allocator);
      list_at(container, "volumeMounts", allocator).PushBack(mount, allocator);
      mounted = true;
    });
  }
  return mounted;
}

void add_token(Value& spec, Allocator& allocator) {
  std::string existing;
  each(std::as_const(spec), "volumes", [&](const Value& volume, size_t) {
    if (existing.empty() && api::text_of(volume, "name").starts_with(kTokenVolumePrefix)) {
      existing = api::text_of(volume, "name");
    }
  });
  std::string name =
      existing.empty() ? std::string(kTokenVolumePrefix) + random_name_suffix(5) : existing;
  if (mount_token(spec, name, allocator) && existing.empty()) {
    list_at(spec, "volumes", allocator).PushBack(token_volume(name, allocator), allocator);
  }
}

bool wants_token(const Value& spec, const Value& account) {
  const Value& own = at(spec, "automountServiceAccountToken");
  if (own.IsBool()) return own.GetBool();
  return api::bool_of(account, "automountServiceAccountToken", true);
}

bool tolerates(const Value& spec, std::string_view key) {
  bool found = false;
  each(spec, "tolerations", [&](const Value& toleration, size_t) {
    std::string_view own = api::text_of(toleration, "key");
    std::string_view effect = api::text_of(toleration, "effect");
    found = found || ((own == key || own.empty()) && (effect == "NoExecute" || effect.empty()));
  });
  return found;
}

struct PriorityClass {
  std::string_view name;
  int64_t value;
};
constexpr PriorityClass kSystemClasses[] = {{"system-cluster-critical", 2'000'000'000},
                                            {"system-node-critical", 2'000'001'000}};

}  // namespace

Result<> admit_service_account(const Attributes& attributes, Value& pod, Allocator& allocator,
                               ObjectReader& reader) {
  if (!is_pod_create(attributes)) return {};
  if (has(at(pod, "metadata", "annotations"), kMirror)) return check_mirror_pod(attributes, pod);
  Value& spec = api::child(pod, "spec", allocator);
  default_text(spec, "serviceAccountName", "default", allocator);
  std::string name(api::text_of(spec, "serviceAccountName"));
  api::set(spec, "serviceAccount", std::string_view(name), allocator);
  auto stored = reader.get("", "serviceaccounts", attributes.namespace_name, name);
  if (!stored.ok()) {
    return forbidden(attributes, "error looking up service account " +
                                     std::string(attributes.namespace_name) + "/" + name +
                                     ": serviceaccount \"" + name + "\" not found");
  }
  api::Json account = TRY(api::parse_json(stored.value().view()));
  if (wants_token(spec, account.root())) add_token(spec, allocator);
  if (size_of(spec, "imagePullSecrets") == 0 && size_of(account.root(), "imagePullSecrets") > 0) {
    keep_member(spec, account.root(), "imagePullSecrets", allocator);
  }
  return {};
}

Result<> admit_default_tolerations(const Attributes& attributes, Value& pod, Allocator& allocator,
                                   ObjectReader&) {
  if (!is_pod_create(attributes)) return {};
  Value& spec = api::child(pod, "spec", allocator);
  bool not_ready = tolerates(spec, "node.kubernetes.io/not-ready");
  bool unreachable = tolerates(spec, "node.kubernetes.io/unreachable");
  auto add = [&](std::string_view key) {
    Value toleration =
        object_of({{"key", key}, {"operator", "Exists"}, {"effect", "NoExecute"}}, allocator);
    api::set(toleration, "tolerationSeconds", Value(kTolerationSeconds), allocator);
    list_at(spec, "tolerations", allocator).PushBack(toleration, allocator);
  };
  if (!not_ready) add("node.kubernetes.io/not-ready");
  if (!unreachable) add("node.kubernetes.io/unreachable");
  return {};
}

Result<> admit_priority(const Attributes& attributes, Value& pod, Allocator& allocator,
                        ObjectReader& reader) {
  if (!is_pod_create(attributes)) return {};
  Value& spec = api::child(pod, "spec", allocator);
  std::string name(api::text_of(spec, "priorityClassName"));
  int64_t priority = 0;
  std::string policy = "PreemptLowerPriority";
  if (!name.empty()) {
    bool known = false;
    for (const PriorityClass& system : kSystemClasses) {
      if (system.name != name) continue;
      priority = system.value;
      known = true;
    }
    if (!known) {
      auto stored = reader.get("scheduling.k8s.io", "priorityclasses", "", name);
      if (!stored.ok()) {
        return forbidden(attributes, "no PriorityClass with name " + name + " was found");
      }
      api::Json chosen = TRY(api::parse_json(stored.value().view()));
      priority = api::int_of(chosen.root(), "value");
      if (has(chosen.root(), "preemptionPolicy")) {
        policy = api::text_of(chosen.root(), "preemptionPolicy");
      }
    }
  }
  if (has(spec, "priority") && api::int_of(spec, "priority") != priority) {
    return forbidden(attributes,
                     "the integer value of priority (" +
                         std::to_string(api::int_of(spec, "priority")) +
                         ") must not be provided in pod spec; priority admission controller "
                         "computed " +
                         std::to_string(priority) + " from the given PriorityClass name");
  }
  if (has(spec, "preemptionPolicy") && api::text_of(spec, "preemptionPolicy") != policy) {
    return forbidden(attributes,
                     "the string value of PreemptionPolicy (" +
                         std::string(api::text_of(spec, "preemptionPolicy")) +
                         ") must not be provided in pod spec; priority admission controller "
                         "computed " +
                         policy + " from the given PriorityClass name");
  }
  api::set(spec, "priority", Value(priority), allocator);
  api::set(spec, "preemptionPolicy", std::string_view(policy), allocator);
  return {};
}

}  // namespace kist::apiserver
