// What stands behind "<resource>/<name>/<subresource>".
#include "kist/api/codec.h"
#include "kist/api/field_errors.h"
#include "src/apiserver/registry/bind.h"
#include "src/apiserver/registry/deletion.h"
#include "src/apiserver/registry/handlers.h"
#include "src/apiserver/registry/modify.h"
#include "src/apiserver/registry/prepare.h"
#include "src/apiserver/registry/scale.h"
#include "src/apiserver/registry/token_request.h"
#include "src/apiserver/table.h"
#include "src/apiserver/text.h"
#include "src/apiserver/values.h"

namespace kist::apiserver {
namespace {

Error missing(const Call& call, std::string_view name) {
  return not_found(call.served->row->plural, call.served->row->group, name);
}

const Served& pods(const Call& call) { return *call.core.find("", "v1", "pods"); }

// A body of a kind that is not the resource's own.
Result<api::Json> decode_as(Call& call, std::string_view group, std::string_view version,
                            std::string_view kind) {
  const api::Kind* known = api::find_kind(group, version, kind);
  if (known == nullptr) return Error{Code::kInternal, "no kind " + quoted(kind) + " in the schema"};
  return decode_body(call, *known);
}

void answer_created(const CallPtr& call) { call->respond_status(success_text({}, 201), 201); }

// --- binding: the scheduler gives a Pod its node.

Result<Decision> decide_binding(Call& call, const std::string& name, const std::string& node,
                                const api::Json& binding, const ObjectPtr& current) {
  const Served& served = pods(call);
  if (current == nullptr) return not_found("pods", "", name);
  api::Json old = parse_stored(current->bytes());
  api::Json next = parse_stored(current->bytes());
  api::Allocator& allocator = next.allocator();
  api::Value& spec = api::child(next.root(), "spec", allocator);
  std::string_view assigned = api::text_of(spec, "nodeName");
  if (!assigned.empty()) {
    return conflict("pods/binding", "", name,
                    "pod " + name + " is already assigned to node " + quoted(assigned));
  }
  if (current->deleting()) {
    return conflict("pods/binding", "", name,
                    "pod " + name + " is being deleted, cannot be assigned to a host");
  }
  const api::Value* wanted = api::find(binding.root(), "metadata");
  if (wanted != nullptr) {
    std::string_view uid = api::text_of(*wanted, "uid");
    if (!uid.empty() && uid != current->uid()) {
      return conflict("pods/binding", "", name,
                      "Precondition failed: UID in precondition: " + std::string(uid) +
                          ", UID in object meta: " + std::string(current->uid()));
    }
  }
  api::set(spec, "nodeName", std::string_view(node), allocator);
  api::Value& status = api::child(next.root(), "status", allocator);
  api::Value conditions(rapidjson::kArrayType);
  if (const api::Value* before = api::find(status, "conditions"); is_list(before)) {
    for (const api::Value& condition : before->GetArray()) {
      if (api::text_of(condition, "type") == "PodScheduled") continue;
      conditions.PushBack(api::copy(condition, allocator), allocator);
    }
  }
  api::Value scheduled(rapidjson::kObjectType);
  api::set(scheduled, "type", "PodScheduled", allocator);
  api::set(scheduled, "status", "True", allocator);
  api::set(scheduled, "lastTransitionTime", std::string_view(call.core.now_text()), allocator);
  conditions.PushBack(scheduled, allocator);
  api::set(status, "conditions", std::move(conditions), allocator);

  Result<> canonical =
      api::canonicalize(*served.stored_kind->type, next.root(), allocator, nullptr);
  if (!canonical.ok()) return std::move(canonical).error();
  Decision decision;
  decision.action = Decision::Action::kWrite;
  decision.value = halves_of(next.root(), allocator);
  return decision;
}

void bind(const CallPtr& call, std::string name) {
  Result<api::Json> decoded = decode_as(*call, "", "v1", "Binding");
  if (!decoded.ok()) return call->fail(decoded.error());
  auto binding = std::make_shared<api::Json>(std::move(decoded).value());
  const api::Value* metadata = api::find(binding->root(), "metadata");
  if (name.empty() && metadata != nullptr) name = api::text_of(*metadata, "name");
  const api::Value* target = api::find(binding->root(), "target");
  std::string node(target == nullptr ? "" : api::text_of(*target, "name"));
  if (node.empty()) {
    return call->fail(invalid("Binding", "", name, "target.name: Required value",
                              {{"FieldValueRequired", "Required value", "target.name"}}));
  }
  change(
      call, {&pods(*call), call->info.namespace_name, name}, call->dry_run(),
      [call, name, node, binding](const ObjectPtr& current) {
        return decide_binding(*call, name, node, *binding, current);
      },
      [call](Result<Outcome> outcome) {
        if (!outcome.ok()) return call->fail(outcome.error());
        answer_created(call);
      });
}

// --- eviction: a deletion that asks first. Without PodDisruptionBudgets nobody objects yet.

void evict(const CallPtr& call) {
  Result<api::Json> decoded = decode_as(*call, "policy", "v1", "Eviction");
  if (!decoded.ok()) return call->fail(decoded.error());
  DeleteOptions options;
  const api::Value* wanted = api::find(decoded.value().root(), "deleteOptions");
  if (wanted != nullptr && wanted->IsObject()) {
    Result<DeleteOptions> read = delete_options_of(*wanted);
    if (!read.ok()) return call->fail(read.error());
    options = std::move(read).value();
  }
  options.dry_run = options.dry_run || call->dry_run();
  change(
      call, {call->served, call->info.namespace_name, call->info.name}, options.dry_run,
      [call, options](const ObjectPtr& current) -> Result<Decision> {
        if (current == nullptr) return missing(*call, call->info.name);
        return decide_deletion(*call, *call->served, current, options);
      },
      [call](Result<Outcome> outcome) {
        if (!outcome.ok()) return call->fail(outcome.error());
        answer_created(call);
      });
}

// --- scale: spec.replicas of anything that has them, as one small object.

void answer_scale(const CallPtr& call, const Slice& stored) {
  if (call->format.shape == Shape::kTable && call->format.media == Media::kJson) {
    Result<View> view = view_of(*call);
    if (!view.ok()) return call->fail(view.error());
    Object object(call->served->cache->index(), stored, 0);
    std::string text = table_of_scale(view.value(), object.slot(FieldIndex::kVersion),
                                      Slice::of(scale_text(stored.view())));
    return call->respond(200, {Slice::of(std::move(text))}, call->format.content_type());
  }
  call->format.shape = Shape::kObject;  // a Scale has no other
  call->respond_text(200, scale_text(stored.view()),
                     api::find_kind("autoscaling", "v1", "Scale")->type);
}

Result<Decision> decide_scale(const CallPtr& call, const api::Json* sent, const Patch* patch,
                              const ObjectPtr& current) {
  if (current == nullptr) return missing(*call, call->info.name);
  const api::Kind& kind = *api::find_kind("autoscaling", "v1", "Scale");
  api::Json scale;
  if (sent != nullptr) {
    scale.root() = api::copy(sent->root(), scale.allocator());
  } else {
    scale = TRY(api::parse_json(scale_text(current->bytes().view())));
    TRY(patch->apply(*kind.type, scale.root(), scale.allocator()));
    std::vector<std::string> problems;
    TRY(api::canonicalize(*kind.type, scale.root(), scale.allocator(), &problems));
    TRY(judge_fields(*call, problems));
  }
  const api::Value& metadata = api::child(scale.root(), "metadata", scale.allocator());
  TRY(check_preconditions(*call->served, *current, metadata, false));
  const api::Value* spec = api::find(scale.root(), "spec");
  int64_t replicas = spec == nullptr ? 0 : api::int_of(*spec, "replicas");
  if (replicas < 0) {
    api::FieldErrors errors;
    errors.invalid(api::FieldPath("spec").child("replicas"), replicas,
                   "must be greater than or equal to 0");
    std::string message = errors.message();
    return invalid("Scale", "autoscaling", call->info.name, message, errors.take());
  }
  api::Json old = parse_stored(current->bytes());
  api::Json next = parse_stored(current->bytes());
  api::set(api::child(next.root(), "spec", next.allocator()), "replicas", api::Value(replicas),
           next.allocator());
  return prepare_update(*call, *call->served, "", current, old, next);
}

void change_scale(const CallPtr& call, Decide decide) {
  change(call, {call->served, call->info.namespace_name, call->info.name}, call->dry_run(),
         std::move(decide), [call](Result<Outcome> outcome) {
           if (!outcome.ok()) return call->fail(outcome.error());
           post(call, [call, bytes = outcome.value().bytes] { answer_scale(call, bytes); });
         });
}

void scale(const CallPtr& call) {
  const std::string& verb = call->info.verb;
  Result<> options = check_write_options(*call);
  if (!options.ok()) return call->fail(options.error());
  if (verb == "get") {
    ObjectPtr object = call->served->cache->get(call->info.namespace_name, call->info.name);
    if (object == nullptr) return call->fail(missing(*call, call->info.name));
    return answer_scale(call, object->bytes());
  }
  if (verb == "update") {
    Result<api::Json> decoded = decode_as(*call, "autoscaling", "v1", "Scale");
    if (!decoded.ok()) return call->fail(decoded.error());
    auto sent = std::make_shared<api::Json>(std::move(decoded).value());
    Result<> named = check_name(sent->root(), call->info.name);
    if (!named.ok()) return call->fail(named.error());
    return change_scale(call, [call, sent](const ObjectPtr& current) {
      return decide_scale(call, sent.get(), nullptr, current);
    });
  }
  Result<Patch> patch = Patch::of(*call);
  if (!patch.ok()) return call->fail(patch.error());
  change_scale(call, [call, patch = std::move(patch).value()](const ObjectPtr& current) {
    return decide_scale(call, nullptr, &patch, current);
  });
}

void same_object(const CallPtr& call) {
  const std::string& verb = call->info.verb;
  if (verb == "get") return get(call);
  if (verb == "update") return modify_by_body(call, call->info.subresource);
  modify_by_patch(call, call->info.subresource);
}

}  // namespace

void subresource(const CallPtr& call) {
  const std::string& name = call->info.subresource;
  if (name == "binding") return bind(call, call->info.name);
  if (name == "eviction") return evict(call);
  if (name == "scale") return scale(call);
  if (name == "token") return request_token(call);
  same_object(call);
}

void bind_pod(const CallPtr& call) { bind(call, ""); }

}  // namespace kist::apiserver
