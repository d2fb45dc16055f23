// Kinds that ask a question: who am I, may I, is this token good. Answered, never stored.
#include "kist/api/codec.h"
#include "src/apiserver/authz/authz.h"
#include "src/apiserver/registry/bind.h"
#include "src/apiserver/registry/handlers.h"
#include "src/apiserver/text.h"
#include "src/apiserver/values.h"

namespace kist::apiserver {
namespace {

RequestInfo asked(const api::Value& spec) {
  RequestInfo info;
  if (const api::Value* resource = api::find(spec, "resourceAttributes"); is_object(resource)) {
    info.is_resource = true;
    info.verb = api::text_of(*resource, "verb");
    info.group = api::text_of(*resource, "group");
    info.version = api::text_of(*resource, "version");
    info.resource = api::text_of(*resource, "resource");
    info.subresource = api::text_of(*resource, "subresource");
    info.namespace_name = api::text_of(*resource, "namespace");
    info.name = api::text_of(*resource, "name");
  } else if (const api::Value* path = api::find(spec, "nonResourceAttributes"); path != nullptr) {
    info.path = api::text_of(*path, "path");
    info.verb = api::text_of(*path, "verb");
  }
  return info;
}

Identity subject(const api::Value& spec) {
  return {std::string(api::text_of(spec, "user")), std::string(api::text_of(spec, "uid")),
          texts_of(api::find(spec, "groups"))};
}

void set_user(api::Value& at, const Identity& user, api::Allocator& allocator) {
  api::set(at, "username", std::string_view(user.name), allocator);
  if (!user.uid.empty()) api::set(at, "uid", std::string_view(user.uid), allocator);
  api::set(at, "groups", list_of(user.groups, allocator), allocator);
  for (const auto& [key, value] : user.extra)
    api::set(api::child(at, "extra", allocator), key, list_of({value}, allocator), allocator);
}

Result<> review_access(const Call& call, api::Json& review) {
  api::Allocator& allocator = review.allocator();
  const api::Value& spec = api::child(review.root(), "spec", allocator);
  bool resource = is_object(api::find(spec, "resourceAttributes"));
  bool path = is_object(api::find(spec, "nonResourceAttributes"));
  if (resource == path) {
    return invalid(
        call.served->row->kind, call.served->row->group, "",
        "spec: Invalid value: exactly one of nonResourceAttributes or "
        "resourceAttributes must be specified",
        {{"FieldValueInvalid",
          "exactly one of nonResourceAttributes or resourceAttributes must be specified", "spec"}});
  }
  bool self = call.served->row->plural == "selfsubjectaccessreviews";
  bool yes = allowed(self ? call.user : subject(spec), asked(spec));
  api::Value& status = api::child(review.root(), "status", allocator);
  api::set(status, "allowed", api::Value(yes), allocator);
  return {};
}

void rule(api::Value& list, std::initializer_list<std::string_view> members,
          api::Allocator& allocator) {
  api::Value entry(rapidjson::kObjectType);
  for (std::string_view member : members) {
    api::Value all(rapidjson::kArrayType);
    all.PushBack("*", allocator);
    api::set(entry, member, std::move(all), allocator);
  }
  list.PushBack(entry, allocator);
}

void review_rules(const Call& call, api::Json& review) {
  api::Allocator& allocator = review.allocator();
  api::Value& status = api::child(review.root(), "status", allocator);
  api::Value resources(rapidjson::kArrayType), paths(rapidjson::kArrayType);
  if (call.user.in_group(kMasters)) {
    rule(resources, {"verbs", "apiGroups", "resources"}, allocator);
    rule(paths, {"verbs", "nonResourceURLs"}, allocator);
  }
  api::set(status, "resourceRules", std::move(resources), allocator);
  api::set(status, "nonResourceRules", std::move(paths), allocator);
  api::set(status, "incomplete", api::Value(false), allocator);
}

void review_token(const Call& call, api::Json& review) {
  api::Allocator& allocator = review.allocator();
  api::Value& status = api::child(review.root(), "status", allocator);
  const api::Value& spec = api::child(review.root(), "spec", allocator);
  Result<Identity> user = call.core.authenticator.authenticate_token(api::text_of(spec, "token"),
                                                                     call.core.now_seconds());
  if (!user.ok()) {
    api::set(status, "error", std::string_view(user.error().message), allocator);
    return;
  }
  api::set(status, "authenticated", api::Value(true), allocator);
  set_user(api::child(status, "user", allocator), user.value(), allocator);
}

Result<> review(const Call& call, api::Json& body) {
  std::string_view plural = call.served->row->plural;
  api::Allocator& allocator = body.allocator();
  if (plural == "selfsubjectreviews") {
    api::Value& status = api::child(body.root(), "status", allocator);
    set_user(api::child(status, "userInfo", allocator), call.user, allocator);
    return {};
  }
  if (plural == "tokenreviews") {
    review_token(call, body);
    return {};
  }
  if (plural == "selfsubjectrulesreviews") {
    review_rules(call, body);
    return {};
  }
  return review_access(call, body);
}

}  // namespace

void create_unstored(const CallPtr& call) {
  if (call->served->row->plural == "bindings") return bind_pod(call);
  const api::Kind& kind = *call->served->kind;
  Result<api::Json> body = decode_body(*call, kind);
  if (!body.ok()) return call->fail(body.error());
  api::Json& json = body.value();
  Result<> reviewed = review(*call, json);
  if (!reviewed.ok()) return call->fail(reviewed.error());
  api::child(json.root(), "metadata", json.allocator());
  Result<> canonical = api::canonicalize(*kind.type, json.root(), json.allocator(), nullptr);
  if (!canonical.ok()) return call->fail({Code::kInternal, canonical.error().message});
  call->respond_text(201, api::to_text(json.root()), kind.type);
}

}  // namespace kist::apiserver
