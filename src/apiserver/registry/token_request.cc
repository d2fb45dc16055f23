// Audiences and life time as asked for, within bounds; nothing is stored.
#include "src/apiserver/registry/token_request.h"

#include <algorithm>

#include "kist/api/codec.h"
#include "src/apiserver/registry/decode.h"
#include "src/apiserver/text.h"
#include "src/apiserver/values.h"

namespace kist::apiserver {
namespace {

constexpr int64_t kExpirationDefault = 3600;
constexpr int64_t kExpirationMin = 600;
constexpr int64_t kExpirationMax = int64_t{1} << 32;
constexpr int64_t kExpirationOfPods = 60 * 60 + 7;
constexpr int64_t kExpirationExtended = 365 * 24 * 60 * 60;

Error invalid_field(std::string_view name, std::string_view field, std::string_view value,
                    std::string_view why) {
  const std::string message = "Invalid value: " + quoted(value) + ": " + std::string(why);
  return invalid("TokenRequest", "authentication.k8s.io", name, std::string(field) + ": " + message,
                 {{"FieldValueInvalid", message, std::string(field)}});
}

Error invalid_spec(std::string_view field, std::string message) {
  return invalid("TokenRequest", "authentication.k8s.io", "", std::string(field) + ": " + message,
                 {{"FieldValueInvalid", message, std::string(field)}});
}

// A pod says where it runs, and so does its token: the uid only if that node is known.
Result<std::string> bind_to_pod(Core& core, const Object& pod, ServiceAccountClaims& claims) {
  const api::Json json = TRY(api::parse_json(pod.bytes().view()));
  const api::Value* spec = api::find(json.root(), "spec");
  const bool ours = is_object(spec) && api::text_of(*spec, "serviceAccountName") == claims.name;
  if (!ours)
    return bad_request("cannot bind token for serviceaccount " + quoted(claims.name) +
                       " to pod running with different serviceaccount name.");
  claims.pod = {std::string(pod.name()), std::string(pod.uid())};
  claims.node.name = api::text_of(*spec, "nodeName");
  if (claims.node.name.empty()) return claims.pod.uid;
  const ObjectPtr node = core.cache.find("", "nodes")->get("", claims.node.name);
  if (node != nullptr) claims.node.uid = node->uid();
  return claims.pod.uid;
}

// Go's GroupVersionKind: "apps/v1, Kind=Deployment"; of what is no group and version the kind alone.
std::string go_kind(std::string_view api_version, std::string_view kind) {
  const size_t slash = api_version.find('/');
  std::string text(slash == std::string_view::npos ? "/" : "");
  if (slash == std::string_view::npos || api_version.find('/', slash + 1) == std::string_view::npos)
    text += api_version;
  else
    text += "/";
  return text + ", Kind=" + std::string(kind);
}

// The uid of what the token is bound to from now on.
Result<std::string> bind_to(Core& core, const api::Value& reference, ServiceAccountClaims& claims) {
  const std::string_view kind = api::text_of(reference, "kind");
  const std::string_view version = api::text_of(reference, "apiVersion");
  const std::string name(api::text_of(reference, "name"));
  const bool core_group = version.find('/') == std::string_view::npos;
  const bool known = core_group && (kind == "Pod" || kind == "Secret" || kind == "Node");
  if (!known) return bad_request("cannot bind token to object of type " + go_kind(version, kind));
  const std::string plural = kind == "Pod" ? "pods" : kind == "Secret" ? "secrets" : "nodes";
  const ObjectPtr object =
      core.cache.find("", plural)->get(kind == "Node" ? "" : claims.namespace_name, name);
  if (object == nullptr) return not_found(plural, "", name);
  if (kind == "Pod") return bind_to_pod(core, *object, claims);
  BoundObject& bound = kind == "Node" ? claims.node : claims.secret;
  bound.name = name;
  bound.uid = object->uid();
  return bound.uid;
}

Result<> bind(Core& core, const api::Value& reference, ServiceAccountClaims& claims) {
  const std::string found = TRY(bind_to(core, reference, claims));
  const std::string_view uid = api::text_of(reference, "uid");
  if (uid.empty() || uid == found) return {};
  return conflict(api::text_of(reference, "kind"), "", api::text_of(reference, "name"),
                  "the UID in the bound object reference (" + std::string(uid) +
                      ") does not match the UID in record. The object might have been deleted and "
                      "then recreated");
}

// Programs that read a pod's token once outlive its hour: such a token warns first and expires a
// year later, as in Kubernetes. 3607 seconds are what the admission plugin asks for.
void extend(ServiceAccountClaims& claims, int64_t life, const std::string& issuer) {
  const bool for_us = std::all_of(claims.audiences.begin(), claims.audiences.end(),
                                  [&](const std::string& audience) { return audience == issuer; });
  if (claims.pod.name.empty() || life != kExpirationOfPods || !for_us) return;
  claims.warn_after = claims.expires;
  claims.expires = claims.issued + kExpirationExtended;
}

// Of another account's request the path is right and the body is wrong.
Result<> check_name(const Call& call, const api::Value& request) {
  const api::Value* metadata = api::find(request, "metadata");
  if (!is_object(metadata)) return {};
  const std::string_view name = api::text_of(*metadata, "name");
  const std::string_view space = api::text_of(*metadata, "namespace");
  if (!name.empty() && name != call.info.name)
    return invalid_field(call.info.name, "metadata.name", name,
                         "must match the service account name if specified");
  if (!space.empty() && space != call.info.namespace_name)
    return invalid_field(call.info.name, "metadata.namespace", space,
                         "must match the service account namespace if specified");
  return {};
}

Result<std::string> answer_of(const CallPtr& call, api::Json& request) {
  Core& core = call->core;
  if (core.tokens == nullptr) {
    return Error{Code::kUnavailable,
                 "service account tokens are not signed here: the server has no signing key"};
  }
  TRY(check_name(*call, request.root()));
  ObjectPtr account = call->served->cache->get(call->info.namespace_name, call->info.name);
  if (account == nullptr) return not_found("serviceaccounts", "", call->info.name);
  api::Allocator& allocator = request.allocator();
  api::Value& spec = api::child(request.root(), "spec", allocator);

  ServiceAccountClaims claims;
  claims.namespace_name = call->info.namespace_name;
  claims.name = call->info.name;
  claims.uid = account->uid();
  claims.audiences = texts_of(api::find(spec, "audiences"));
  if (claims.audiences.empty()) claims.audiences.push_back(core.options.issuer);
  int64_t life = api::int_of(spec, "expirationSeconds", kExpirationDefault);
  if (life < kExpirationMin) {
    return invalid_spec("spec.expirationSeconds",
                        "Invalid value: " + std::to_string(life) +
                            ": may not specify a duration less than 10 minutes");
  }
  if (life > kExpirationMax) {
    return invalid_spec("spec.expirationSeconds",
                        "Invalid value: " + std::to_string(life) +
                            ": may not specify a duration larger than 2^32 seconds");
  }
  claims.issued = core.now_seconds();
  claims.expires = claims.issued + life;
  const api::Value* reference = api::find(spec, "boundObjectRef");
  if (reference != nullptr && reference->IsObject()) {
    TRY(bind(core, *reference, claims));
  }

  const int64_t answered_expiry = claims.expires;  // the extension is ours, not what was asked for
  extend(claims, life, core.options.issuer);
  std::string token = TRY(core.tokens->sign(claims));
  api::set(spec, "expirationSeconds", api::Value(life), allocator);
  api::set(spec, "audiences", list_of(claims.audiences, allocator), allocator);
  api::Value& status = api::child(request.root(), "status", allocator);
  api::set(status, "token", std::string_view(token), allocator);
  std::string expires =
      format_rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(answered_expiry)));
  api::set(status, "expirationTimestamp", std::string_view(expires), allocator);
  api::Value& metadata = api::child(request.root(), "metadata", allocator);
  api::set(metadata, "name", std::string_view(claims.name), allocator);
  api::set(metadata, "namespace", std::string_view(claims.namespace_name), allocator);
  api::set(metadata, "creationTimestamp", std::string_view(core.now_text()), allocator);
  return api::to_text(request.root());
}

}  // namespace

void request_token(const CallPtr& call) {
  const api::Kind* kind = api::find_kind("authentication.k8s.io", "v1", "TokenRequest");
  if (kind == nullptr) return call->fail(no_such_resource());
  Result<api::Json> request = decode_body(*call, *kind);
  if (!request.ok()) return call->fail(request.error());
  Result<std::string> text = answer_of(call, request.value());
  if (!text.ok()) return call->fail(text.error());
  call->respond_text(201, std::move(text).value(), kind->type);
}

}  // namespace kist::apiserver
