// Both ways end in prepare_update(); they differ in where the next object comes from.
#include "src/apiserver/registry/modify.h"

#include "kist/api/codec.h"
#include "kist/api/patch.h"
#include "src/apiserver/encode.h"
#include "src/apiserver/registry/decode.h"
#include "src/apiserver/registry/prepare.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr size_t kJsonPatchOperationsMax = 10'000;

Target target_of(const Call& call) {
  std::string namespace_name =
      call.served->storage->namespaced ? call.info.namespace_name : std::string();
  return {call.served, std::move(namespace_name), call.info.name};
}

Error missing(const Call& call) {
  return not_found(call.served->row->plural, call.served->row->group, call.info.name);
}

const api::Value& metadata_of(api::Json& json) {
  return api::child(json.root(), "metadata", json.allocator());
}

// Served form of a stored object, decoded.
api::Json parse_served(const Served& served, const Object& current) {
  return parse_stored(served_json(served, current.bytes()));
}

Result<Decision> decide_body(const CallPtr& call, const std::string& subresource,
                             const api::Json& sent, const ObjectPtr& current) {
  const Served& served = *call->served;
  api::Json next;
  next.root() = api::copy(sent.root(), next.allocator());
  if (current == nullptr) {
    if (!subresource.empty() || !served.strategy().create_on_update) return missing(*call);
    api::remove(api::child(next.root(), "metadata", next.allocator()), "resourceVersion");
    return prepare_create(*call, served, call->info.namespace_name, next);
  }
  bool needs_revision = !served.strategy().unconditional_update;
  TRY(check_preconditions(served, *current, metadata_of(next), needs_revision));
  api::Json old = parse_stored(current->bytes());
  return prepare_update(*call, served, subresource, current, old, next);
}

Error patch_invalid(const Call& call, const Patch& patch, std::string_view why) {
  std::string message = "Invalid value: " + quoted(patch.text()) + ": " + std::string(why);
  return invalid(call.served->row->kind, call.served->row->group, call.info.name,
                 "patch: " + message, {{"FieldValueInvalid", message, "patch"}});
}

Result<Decision> decide_patch(const CallPtr& call, const std::string& subresource,
                              const Patch& patch, const ObjectPtr& current) {
  const Served& served = *call->served;
  if (current == nullptr) return missing(*call);
  api::Json next = parse_served(served, *current);
  api::Value& root = next.root();
  Result<> applied = patch.apply(*served.kind->type, root, next.allocator());
  if (!applied.ok()) return as_invalid(served, call->info.name, std::move(applied).error());
  if (!root.IsObject()) return patch_invalid(*call, patch, "the patched object is no object");

  std::vector<std::string> problems;
  Result<> canonical = api::canonicalize(*served.kind->type, root, next.allocator(), &problems);
  if (!canonical.ok()) return patch_invalid(*call, patch, canonical.error().message);
  Result<> judged = judge_fields(*call, problems);
  if (!judged.ok()) return patch_invalid(*call, patch, judged.error().message);
  if (api::text_of(root, "kind") != served.row->kind ||
      api::text_of(root, "apiVersion") != served.api_version()) {
    return bad_request("the kind and apiVersion of an object cannot be patched");
  }
  TRY(check_name(root, call->info.name));
  TRY(check_preconditions(served, *current, metadata_of(next), false));
  to_storage(served, root, next.allocator());
  api::Json old = parse_stored(current->bytes());
  return prepare_update(*call, served, subresource, current, old, next);
}

// Warnings belong to the attempt that is written, not to those before it.
Decide fresh_warnings(const CallPtr& call, Decide decide) {
  size_t kept = call->warnings.size();
  return [call, kept, decide = std::move(decide)](const ObjectPtr& current) {
    call->warnings.resize(kept);
    return decide(current);
  };
}

}  // namespace

Result<> check_preconditions(const Served& served, const Object& current,
                             const api::Value& metadata, bool needs_revision) {
  std::string_view name = current.name();
  std::string_view uid = api::text_of(metadata, "uid");
  if (!uid.empty() && uid != current.uid()) {
    return conflict(served.row->plural, served.row->group, name,
                    "Precondition failed: UID in precondition: " + std::string(uid) +
                        ", UID in object meta: " + std::string(current.uid()));
  }
  std::string_view revision = api::text_of(metadata, "resourceVersion");
  if (revision.empty() || revision == "0") {
    if (!needs_revision) return {};
    std::string message = "Invalid value: 0: must be specified for an update";
    return invalid(served.row->kind, served.row->group, name,
                   "metadata.resourceVersion: " + message,
                   {{"FieldValueInvalid", message, "metadata.resourceVersion"}});
  }
  if (revision != std::to_string(current.revision())) {
    return modified(served.row->plural, served.row->group, name);
  }
  return {};
}

Result<Patch> Patch::of(Call& call) {
  Patch patch;
  std::vector<MediaType> types = parse_media_types(call.request.header("Content-Type"));
  std::string_view type = types.empty() ? std::string_view() : types.front().type;
  if (type == "application/json-patch+json") {
    patch.kind_ = Kind::kJson;
  } else if (type == "application/merge-patch+json") {
    patch.kind_ = Kind::kMerge;
  } else if (type == "application/strategic-merge-patch+json") {
    patch.kind_ = Kind::kStrategic;
  } else {
    return unsupported_patch(type);
  }
  std::vector<std::string> duplicates;
  patch.json_ = std::make_shared<api::Json>(TRY(parse_text_body(call, false, &duplicates)));
  TRY(judge_fields(call, duplicates));
  const api::Value& root = patch.json_->root();
  if (patch.kind_ == Kind::kJson) {
    if (!root.IsArray()) return bad_request("error decoding patch: a JSON patch is an array");
    if (root.Size() > kJsonPatchOperationsMax) {
      return Error{Code::kTooLarge, "The allowed maximum operations in a JSON patch is " +
                                        std::to_string(kJsonPatchOperationsMax) + ", got " +
                                        std::to_string(root.Size())};
    }
  } else if (!root.IsObject()) {
    return bad_request("error decoding patch: the patch is no object");
  }
  patch.text_ = call.request.body;
  return patch;
}

Result<> Patch::apply(const api::Type& type, api::Value& object, api::Allocator& allocator) const {
  // The patch is only read; where members are taken over they are copied into `allocator`.
  switch (kind_) {
    case Kind::kJson: return api::apply_json_patch(object, json_->root(), allocator);
    case Kind::kMerge: api::apply_merge_patch(object, json_->root(), allocator); return {};
    case Kind::kStrategic:
      return api::apply_strategic_patch(type, object, json_->root(), allocator);
  }
  return {};
}

void modify_by_body(const CallPtr& call, std::string_view subresource) {
  auto decode = [&]() -> Result<std::shared_ptr<api::Json>> {
    TRY(check_write_options(*call));
    auto sent = std::make_shared<api::Json>(TRY(decode_body(*call, *call->served->kind)));
    TRY(check_name(sent->root(), call->info.name));
    if (call->served->row->namespaced) {
      TRY(check_namespace(sent->root(), call->info.namespace_name));
    }
    to_storage(*call->served, sent->root(), sent->allocator());
    return sent;
  };
  Result<std::shared_ptr<api::Json>> decoded = decode();
  if (!decoded.ok()) return call->fail(decoded.error());
  auto decide = [call, sent = decoded.value(),
                 subresource = std::string(subresource)](const ObjectPtr& current) {
    return decide_body(call, subresource, *sent, current);
  };
  change(call, target_of(*call), call->dry_run(), fresh_warnings(call, std::move(decide)),
         answer_with_object(call));
}

void modify_by_patch(const CallPtr& call, std::string_view subresource) {
  auto decode = [&]() -> Result<Patch> {
    TRY(check_write_options(*call));
    return Patch::of(*call);
  };
  Result<Patch> patch = decode();
  if (!patch.ok()) return call->fail(patch.error());
  auto decide = [call, patch = std::move(patch).value(),
                 subresource = std::string(subresource)](const ObjectPtr& current) {
    return decide_patch(call, subresource, patch, current);
  };
  change(call, target_of(*call), call->dry_run(), fresh_warnings(call, std::move(decide)),
         answer_with_object(call));
}

}  // namespace kist::apiserver
