// The order of the steps is Kubernetes' (registry/rest BeforeCreate and BeforeUpdate).
#include "src/apiserver/registry/prepare.h"

#include "kist/api/codec.h"
#include "kist/api/field_errors.h"
#include "kist/base/random.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr size_t kNameBytesMax = 63;
constexpr size_t kSuffixLetters = 5;

constexpr std::string_view kServerFields[] = {"uid",
                                              "resourceVersion",
                                              "creationTimestamp",
                                              "deletionTimestamp",
                                              "deletionGracePeriodSeconds",
                                              "generation",
                                              "managedFields",
                                              "selfLink"};

void set_defaults(const Served& served, api::Json& object) {
  api::apply_declared_defaults(*served.stored_kind->type, object.root(), object.allocator());
  const Strategy& strategy = served.strategy();
  if (strategy.set_defaults != nullptr) {
    strategy.set_defaults(object.root(), object.allocator());
  }
}

Error invalid_of(const Served& served, std::string_view name, api::FieldErrors& errors) {
  std::string message = errors.message();
  return invalid(served.row->kind, served.row->group, name, message, errors.take());
}

void carry(api::Value& to, const api::Value& from, std::string_view member,
           api::Allocator& allocator) {
  const api::Value* value = api::find(from, member);
  if (value == nullptr) {
    api::remove(to, member);
  } else {
    api::set(to, member, api::copy(*value, allocator), allocator);
  }
}

bool is_meta(std::string_view member) {
  return member == "metadata" || member == "apiVersion" || member == "kind";
}

// All but metadata and status is what a controller acts on.
bool spec_changed(const api::Value& next, const api::Value& old) {
  auto differs = [](const api::Value& a, const api::Value& b) {
    for (const auto& member : a.GetObject()) {
      std::string_view name(member.name.GetString(), member.name.GetStringLength());
      if (is_meta(name) || name == "status") continue;
      const api::Value* other = api::find(b, name);
      if (other == nullptr || !api::equal(member.value, *other)) return true;
    }
    return false;
  };
  return differs(next, old) || differs(old, next);
}

bool has_subresource(const Resource& row, std::string_view name) {
  for (std::string_view subresource : row.subresources) {
    if (subresource == name) return true;
  }
  return false;
}

void keep_system_fields(api::Json& next, const api::Value& old) {
  api::Allocator& allocator = next.allocator();
  api::Value& metadata = api::child(next.root(), "metadata", allocator);
  const api::Value* before = api::find(old, "metadata");
  if (before == nullptr) return;
  for (std::string_view field : kServerFields) carry(metadata, *before, field, allocator);
  carry(metadata, *before, "name", allocator);
  carry(metadata, *before, "namespace", allocator);
  if (api::find(metadata, "generateName") == nullptr) {
    carry(metadata, *before, "generateName", allocator);
  }
}

// A write to status shows the whole object but changes only its status and, as far as the strategy
// lets it, metadata.
void project_status(api::Json& next, const api::Value& old) {
  for (const auto& member : old.GetObject()) {
    std::string_view name(member.name.GetString(), member.name.GetStringLength());
    if (is_meta(name) || name == "status") continue;
    api::set(next.root(), name, api::copy(member.value, next.allocator()), next.allocator());
  }
  std::vector<std::string> extra;
  for (const auto& member : next.root().GetObject()) {
    std::string_view name(member.name.GetString(), member.name.GetStringLength());
    if (!is_meta(name) && name != "status" && api::find(old, name) == nullptr) {
      extra.emplace_back(name);
    }
  }
  for (const std::string& name : extra) api::remove(next.root(), name);
}

void prepare_by_strategy(const Served& served, std::string_view subresource, api::Json& next,
                         const api::Value& old) {
  const Strategy& strategy = served.strategy();
  api::Allocator& allocator = next.allocator();
  if (subresource.empty()) {
    if (has_subresource(*served.storage, "status")) carry(next.root(), old, "status", allocator);
    if (strategy.prepare_update != nullptr) strategy.prepare_update(next.root(), old, allocator);
  } else if (subresource == "status") {
    project_status(next, old);
    if (strategy.prepare_status_update != nullptr) {
      strategy.prepare_status_update(next.root(), old, allocator);
    }
  } else if (strategy.prepare_subresource_update != nullptr) {
    strategy.prepare_subresource_update(subresource, next.root(), old, allocator);
  }
}

void validate_by_strategy(const Served& served, std::string_view subresource,
                          const api::Value& next, const api::Value& old, api::FieldErrors& errors) {
  const Strategy& strategy = served.strategy();
  if (subresource.empty()) {
    if (strategy.validate_update != nullptr) strategy.validate_update(next, old, errors);
  } else if (subresource == "status") {
    if (strategy.validate_status_update != nullptr) {
      strategy.validate_status_update(next, old, errors);
    }
  } else if (strategy.validate_subresource_update != nullptr) {
    strategy.validate_subresource_update(subresource, next, old, errors);
  }
}

void warn_by_strategy(Call& call, const Served& served, const api::Value& next,
                      const api::Value* old) {
  if (served.strategy().warnings == nullptr) return;
  std::vector<std::string> warnings;
  served.strategy().warnings(next, old, warnings);
  for (std::string& warning : warnings) call.warn(std::move(warning));
}

void bump_generation(const Served& served, api::Json& next, const api::Value& old) {
  if (!served.strategy().generation || !spec_changed(next.root(), old)) return;
  api::Value& metadata = api::child(next.root(), "metadata", next.allocator());
  api::set(metadata, "generation", api::Value(api::int_of(metadata, "generation") + 1),
           next.allocator());
}

// An object that waited for its finalizers goes with the update that removes the last one.
bool completes_deletion(const Served& served, const api::Value& next) {
  const api::Value* metadata = api::find(next, "metadata");
  if (metadata == nullptr || api::text_of(*metadata, "deletionTimestamp").empty()) return false;
  const api::Value* finalizers = api::find(*metadata, "finalizers");
  if (finalizers != nullptr && finalizers->IsArray() && !finalizers->Empty()) return false;
  if (api::int_of(*metadata, "deletionGracePeriodSeconds") != 0) return false;
  if (served.storage->plural != "namespaces") return true;
  const api::Value* spec = api::find_path(next, {"spec", "finalizers"});
  return spec == nullptr || !spec->IsArray() || spec->Empty();
}

// A name for metadata.generateName, cut so that the whole fits a label.
std::string generated_name(std::string_view prefix) {
  return std::string(prefix.substr(0, kNameBytesMax - kSuffixLetters)) +
         random_name_suffix(kSuffixLetters);
}

Result<> fill_new_metadata(Call& call, const Served& served, std::string_view namespace_name,
                           api::Json& next) {
  api::Allocator& allocator = next.allocator();
  api::Value& metadata = api::child(next.root(), "metadata", allocator);
  std::string_view version = api::text_of(metadata, "resourceVersion");
  if (!version.empty() && version != "0") {
    return bad_request("resourceVersion should not be set on objects to be created");
  }
  for (std::string_view field : kServerFields) api::remove(metadata, field);
  if (served.storage->namespaced) {
    api::set(metadata, "namespace", namespace_name, allocator);
  } else {
    api::remove(metadata, "namespace");
  }
  if (api::text_of(metadata, "name").empty()) {
    std::string_view prefix = api::text_of(metadata, "generateName");
    if (!prefix.empty()) {
      std::string name = generated_name(prefix);
      api::set(metadata, "name", std::string_view(name), allocator);
    }
  }
  api::set(metadata, "uid", std::string_view(random_uuid()), allocator);
  api::set(metadata, "creationTimestamp", std::string_view(call.core.now_text()), allocator);
  if (served.strategy().generation) api::set(metadata, "generation", api::Value(1), allocator);
  return {};
}

}  // namespace

void to_storage(const Served& served, api::Value& object, api::Allocator& allocator) {
  if (!served.converts()) return;
  if (served.row->to_storage != nullptr) served.row->to_storage(object, allocator);
  api::set(object, "apiVersion", api_version(served.storage->group, served.storage->version),
           allocator);
  api::set(object, "kind", served.storage->kind, allocator);
}

Result<Reservation> admit(Call& call, const Served& served, Operation operation,
                          std::string_view subresource, std::string_view namespace_name,
                          std::string_view name, api::Json& object, const api::Value* old,
                          bool dry_run) {
  Attributes attributes;
  attributes.operation = operation;
  attributes.group = served.storage->group;
  attributes.resource = served.storage->plural;
  attributes.subresource = subresource;
  attributes.kind = served.storage->kind;
  attributes.namespace_name = namespace_name;
  attributes.name = name;
  attributes.user = call.user.name;
  attributes.dry_run = dry_run;
  attributes.old = old;
  Result<Reservation> admitted =
      call.core.admission->admit(attributes, object.root(), object.allocator(), call.core.reader);
  if (!admitted.ok()) return as_invalid(served, name, std::move(admitted).error());
  return admitted;
}

Result<Decision> prepare_create(Call& call, const Served& served, std::string_view namespace_name,
                                api::Json& next) {
  TRY(fill_new_metadata(call, served, namespace_name, next));
  set_defaults(served, next);
  std::string name(api::text_of(*api::find(next.root(), "metadata"), "name"));
  Decision decision;
  decision.reservation = TRY(admit(call, served, Operation::kCreate, "", namespace_name, name, next,
                                   nullptr, call.dry_run()));

  const Strategy& strategy = served.strategy();
  if (strategy.prepare_create != nullptr) strategy.prepare_create(next.root(), next.allocator());
  api::FieldErrors errors;
  api::validate_metadata(*api::find(next.root(), "metadata"), served.storage->namespaced,
                         strategy.name_check, api::FieldPath("metadata"), errors);
  if (strategy.validate != nullptr) strategy.validate(next.root(), errors);
  if (!errors.empty()) return invalid_of(served, name, errors);
  warn_by_strategy(call, served, next.root(), nullptr);

  // There must be a revision for its place to be known once the members are in order.
  api::set(api::child(next.root(), "metadata", next.allocator()), "resourceVersion", "@",
           next.allocator());
  Result<> canonical =
      api::canonicalize(*served.stored_kind->type, next.root(), next.allocator(), nullptr);
  if (!canonical.ok()) return Error{Code::kInternal, canonical.error().message};
  decision.action = Decision::Action::kWrite;
  decision.value = halves_of(next.root(), next.allocator());
  return decision;
}

Result<Decision> prepare_update(Call& call, const Served& served, std::string_view subresource,
                                const ObjectPtr& current, api::Json& old, api::Json& next) {
  keep_system_fields(next, old.root());
  set_defaults(served, next);
  std::string namespace_name(current->namespace_name()), name(current->name());
  Decision decision;
  decision.reservation = TRY(admit(call, served, Operation::kUpdate, subresource, namespace_name,
                                   name, next, &old.root(), call.dry_run()));
  prepare_by_strategy(served, subresource, next, old.root());
  if (subresource != "status") bump_generation(served, next, old.root());

  api::FieldErrors errors;
  const api::Value& metadata = *api::find(next.root(), "metadata");
  api::validate_metadata_update(metadata, *api::find(old.root(), "metadata"),
                                api::FieldPath("metadata"), errors);
  validate_by_strategy(served, subresource, next.root(), old.root(), errors);
  if (!errors.empty()) return invalid_of(served, name, errors);
  warn_by_strategy(call, served, next.root(), &old.root());

  Result<> canonical =
      api::canonicalize(*served.stored_kind->type, next.root(), next.allocator(), nullptr);
  if (!canonical.ok()) return Error{Code::kInternal, canonical.error().message};
  decision.value = halves_of(next.root(), next.allocator());
  decision.action = Decision::Action::kWrite;
  if (completes_deletion(served, next.root())) {
    decision.action = Decision::Action::kRemove;
  } else if (decision.value.with(std::to_string(current->revision())) == current->bytes().view()) {
    decision.action = Decision::Action::kNothing;
  }
  return decision;
}

Result<> check_name(const api::Value& object, std::string_view name) {
  const api::Value* metadata = api::find(object, "metadata");
  std::string_view found = metadata == nullptr ? "" : api::text_of(*metadata, "name");
  if (found.empty()) {
    return bad_request("the name of the object (" + std::string(name) +
                       " based on URL) was undeterminable: name must be provided");
  }
  if (found == name) return {};
  return bad_request("the name of the object (" + std::string(found) +
                     ") does not match the name on the URL (" + std::string(name) + ")");
}

Result<> check_namespace(const api::Value& object, std::string_view namespace_name) {
  const api::Value* metadata = api::find(object, "metadata");
  std::string_view found = metadata == nullptr ? "" : api::text_of(*metadata, "namespace");
  if (found.empty() || found == namespace_name) return {};
  return bad_request(
      "the namespace of the provided object does not match the namespace sent on "
      "the request");
}

}  // namespace kist::apiserver
