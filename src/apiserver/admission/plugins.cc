// The plugins in the order a write meets them.
#include "src/apiserver/admission/plugins.h"

#include <array>

#include "src/apiserver/admission/pod_plugins.h"
#include "src/apiserver/admission/service_allocator.h"
#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {
namespace {

Error not_found(std::string_view resource, std::string_view name) {
  return Error{Code::kNotFound, std::string(resource) + " \"" + std::string(name) + "\" not found"};
}

// The namespaces that the cluster itself lives in.
bool is_immortal(std::string_view name) {
  return name == "default" || name == "kube-system" || name == "kube-public";
}

// Reviews of access are answered in any namespace, also in one that is not there.
bool needs_no_namespace(const Attributes& attributes) {
  return attributes.group == "authorization.k8s.io";
}

Result<> check_namespace(const Attributes& attributes, ObjectReader& reader) {
  auto stored = reader.get("", "namespaces", "", attributes.namespace_name);
  if (!stored.ok()) {
    if (stored.error().code != Code::kNotFound) return std::move(stored).error();
    return not_found("namespaces", attributes.namespace_name);
  }
  // Cheap test first: nearly no namespace is going away.
  if (stored.value().view().find("\"deletionTimestamp\"") == std::string_view::npos) return {};
  api::Json object = TRY(api::parse_json(stored.value().view()));
  const Value& metadata = at(object.root(), "metadata");
  if (!has(metadata, "deletionTimestamp")) return {};
  std::string ns(attributes.namespace_name);
  Error error = forbidden(attributes, "unable to create new content in namespace " + ns +
                                          " because it is being terminated");
  error.causes.push_back(
      {"NamespaceTerminating", "namespace " + ns + " is being terminated", "metadata.namespace"});
  return error;
}

Result<> namespace_lifecycle(const Attributes& attributes, Value&, Allocator&,
                             ObjectReader& reader) {
  bool is_namespace = attributes.group.empty() && attributes.resource == "namespaces";
  if (is_namespace) {
    if (attributes.operation == Operation::kDelete && is_immortal(attributes.name)) {
      return forbidden(attributes, "this namespace may not be deleted");
    }
    return {};
  }
  if (attributes.namespace_name.empty() || attributes.operation != Operation::kCreate) return {};
  // Events of what is going away still tell its story upstream only while the namespace lives.
  if (needs_no_namespace(attributes)) return {};
  return check_namespace(attributes, reader);
}

using Plugin = Result<> (*)(const Attributes&, Value&, Allocator&, ObjectReader&);
constexpr Plugin kPlugins[] = {
    namespace_lifecycle,
    admit_service_account,
    admit_default_tolerations,
    admit_priority,
};

}  // namespace

Error forbidden(const Attributes& attributes, std::string_view why) {
  return Error{Code::kForbidden, std::string(attributes.resource) + " \"" +
                                     std::string(attributes.name) +
                                     "\" is forbidden: " + std::string(why)};
}

Admission::Admission(std::shared_ptr<ServiceAllocator> services) : services_(std::move(services)) {}

Result<std::unique_ptr<Admission>> Admission::create(const AdmissionOptions& options) {
  return std::unique_ptr<Admission>(new Admission(TRY(ServiceAllocator::create(options))));
}

void Admission::rebuild(ObjectReader& reader) { services_->rebuild(reader); }

Result<Reservation> Admission::admit(const Attributes& attributes, Value& object,
                                     Allocator& allocator, ObjectReader& reader) {
  for (Plugin plugin : kPlugins) TRY(plugin(attributes, object, allocator, reader));
  bool is_service = attributes.group.empty() && attributes.resource == "services" &&
                    attributes.subresource.empty();
  if (!is_service || attributes.operation == Operation::kConnect) return Reservation();
  if (attributes.operation == Operation::kDelete) {
    if (attributes.dry_run) return Reservation();
    return services_->release(attributes.old ? *attributes.old : object);
  }
  return services_->assign(object, attributes.old, attributes.dry_run, allocator);
}

}  // namespace kist::apiserver
