// See namespace_content.h.
#include "src/controllers/namespace_content.h"

namespace kist::controllers {
namespace {

using client::ObjectPtr;

constexpr std::string_view kRootCa = "kube-root-ca.crt";
constexpr std::string_view kRootCaNote =
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters.";

Json named(std::string_view kind, std::string_view space, std::string_view name) {
  Json json;
  Allocator& pool = json.allocator();
  json.root().SetObject();
  api::set(json.root(), "apiVersion", "v1", pool);
  api::set(json.root(), "kind", kind, pool);
  Value& metadata = api::child(json.root(), "metadata", pool);
  api::set(metadata, "name", name, pool);
  api::set(metadata, "namespace", space, pool);
  return json;
}

Result<> created(Result<Json> answer) {
  // Somebody was faster, or the namespace ends: both are fine.
  if (!answer.ok() && answer.error().code != Code::kAlreadyExists &&
      answer.error().code != Code::kForbidden && answer.error().code != Code::kNotFound)
    return answer.error();
  return {};
}

}  // namespace

NamespaceContentController::NamespaceContentController(Context context,
                                                       std::string ca_certificate_pem)
    : context_(context),
      ca_certificate_pem_(std::move(ca_certificate_pem)),
      namespaces_(context.caches.of(client::kNamespaces)),
      accounts_(context.caches.of(client::kServiceAccounts)),
      config_maps_(context.caches.of(client::kConfigMaps)),
      queue_(context.runner.add(*this)) {
  namespaces_.on_change([this](const ObjectPtr& old, const ObjectPtr& next) {
    if (next && !old) queue_.add(next->name);
  });
  accounts_.on_change([this](const ObjectPtr& old, const ObjectPtr& next) {
    if (!next && old->name == "default") queue_.add(old->space);
  });
  config_maps_.on_change([this](const ObjectPtr& old, const ObjectPtr& next) {
    const ObjectPtr& one = next ? next : old;
    if (one->name == kRootCa) queue_.add(one->space);
  });
}

Result<> NamespaceContentController::ensure_service_account(const std::string& space) {
  if (accounts_.get(space, "default")) return {};
  const Json account = named("ServiceAccount", space, "default");
  return created(context_.client.create(client::kServiceAccounts, space, account.root()));
}

Result<> NamespaceContentController::ensure_root_ca(const std::string& space) {
  if (ca_certificate_pem_.empty()) return {};
  const ObjectPtr there = config_maps_.get(space, kRootCa);
  Json next = there ? there->parse() : named("ConfigMap", space, kRootCa);
  Allocator& pool = next.allocator();
  const Value& data = child_of(next.root(), "data");
  if (there && data.MemberCount() == 1 && api::text_of(data, "ca.crt") == ca_certificate_pem_)
    return {};
  api::set(next.root(), "data", Value(rapidjson::kObjectType), pool);
  api::set(api::child(next.root(), "data", pool), "ca.crt", ca_certificate_pem_, pool);
  Value& metadata = api::child(next.root(), "metadata", pool);
  api::set(api::child(metadata, "annotations", pool), "kubernetes.io/description", kRootCaNote,
           pool);
  if (there) return created(context_.client.update(client::kConfigMaps, next.root()));
  return created(context_.client.create(client::kConfigMaps, space, next.root()));
}

Result<client::Next> NamespaceContentController::reconcile(const std::string& key) {
  const ObjectPtr space = namespaces_.get({}, key);
  if (!space || space->deleting) return client::Next{};
  TRY(ensure_service_account(key));
  TRY(ensure_root_ca(key));
  return client::Next{};
}

}  // namespace kist::controllers
