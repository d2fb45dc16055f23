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

Error invalid_spec(std::string_view field, std::string message) {
  return invalid("TokenRequest", "authentication.k8s.io", "", std::string(field) + ": " + message,
                 {{"FieldValueInvalid", message, std::string(field)}});
}

Result<> bind_to_pod(Core& core, const api::Value& reference, ServiceAccountClaims& claims) {
  if (api::text_of(reference, "kind") != "Pod") {
    return invalid_spec("spec.boundObjectRef.kind",
                        "Invalid value: " + quoted(api::text_of(reference, "kind")) +
                            ": only Pods can be bound to");
  }
  std::string name(api::text_of(reference, "name"));
  ObjectPtr pod = core.cache.find("", "pods")->get(claims.namespace_name, name);
  if (pod == nullptr) return not_found("pods", "", name);
  std::string_view uid = api::text_of(reference, "uid");
  if (!uid.empty() && uid != pod->uid()) {
    return conflict("pods", "", name,
                    "the UID in the bound object reference (" + std::string(uid) +
                        ") does not match the UID in record");
  }
  claims.pod_name = name;
  claims.pod_uid = pod->uid();
  return {};
}

Result<std::string> answer_of(const CallPtr& call, api::Json& request) {
  Core& core = call->core;
  if (core.tokens == nullptr) {
    return Error{Code::kUnavailable,
                 "service account tokens are not signed here: the server has no signing key"};
  }
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
    TRY(bind_to_pod(core, *reference, claims));
  }

  std::string token = TRY(core.tokens->sign(claims));
  api::set(spec, "expirationSeconds", api::Value(life), allocator);
  api::set(spec, "audiences", list_of(claims.audiences, allocator), allocator);
  api::Value& status = api::child(request.root(), "status", allocator);
  api::set(status, "token", std::string_view(token), allocator);
  std::string expires =
      format_rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(claims.expires)));
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
