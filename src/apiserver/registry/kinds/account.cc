// ServiceAccounts, and the requests about tokens and access that are never stored.
#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {
namespace {

constexpr int64_t kTokenSecondsMin = 600;
constexpr int64_t kTokenSecondsMax = int64_t{1} << 32;

void token_defaults(Value& request, Allocator& allocator) {
  default_int(api::child(request, "spec", allocator), "expirationSeconds", 3600, allocator);
}

void validate_token_request(const Value& request, FieldErrors& errors) {
  FieldPath path = FieldPath("spec").child("expirationSeconds");
  int64_t seconds = api::int_of(at(request, "spec"), "expirationSeconds");
  if (seconds < kTokenSecondsMin) {
    errors.invalid(path, seconds, "may not specify a duration less than 10 minutes");
  }
  if (seconds > kTokenSecondsMax) {
    errors.invalid(path, seconds, "may not specify a duration larger than 2^32 seconds");
  }
}

void validate_token_review(const Value& review, FieldErrors& errors) {
  // The real server answers 400 here; the review is not stored, so the field error serves.
  if (api::text_of(at(review, "spec"), "token").empty()) {
    errors.required(FieldPath("spec").child("token"), "token is required for TokenReview");
  }
}

void validate_access_spec(const Value& spec, FieldErrors& errors) {
  FieldPath path("spec");
  bool resource = has(spec, "resourceAttributes"), other = has(spec, "nonResourceAttributes");
  if (resource && other) {
    errors.invalid(path.child("nonResourceAttributes"), at(spec, "nonResourceAttributes"),
                   "cannot be specified in combination with resourceAttributes");
  }
  if (!resource && !other) {
    errors.invalid(path.child("resourceAttributes"), at(spec, "resourceAttributes"),
                   "exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
}

void validate_self_access(const Value& review, FieldErrors& errors) {
  validate_access_spec(at(review, "spec"), errors);
}

void validate_access(const Value& review, FieldErrors& errors) {
  const Value& spec = at(review, "spec");
  validate_access_spec(spec, errors);
  if (api::text_of(spec, "user").empty() && size_of(spec, "groups") == 0) {
    errors.invalid(FieldPath("spec").child("user"), std::string_view(""),
                   "at least one of user or group must be specified");
  }
}

void validate_local_access(const Value& review, FieldErrors& errors) {
  validate_access(review, errors);
  const Value& attributes = at(review, "spec", "resourceAttributes");
  FieldPath path = FieldPath("spec").child("resourceAttributes");
  if (!attributes.IsNull() &&
      api::text_of(attributes, "namespace") != api::text_of(at(review, "metadata"), "namespace")) {
    errors.invalid(path.child("namespace"), api::text_of(attributes, "namespace"),
                   "must match metadata.namespace");
  }
  if (has(at(review, "spec"), "nonResourceAttributes")) {
    errors.invalid(FieldPath("spec").child("nonResourceAttributes"),
                   at(review, "spec", "nonResourceAttributes"),
                   "disallowed on this kind of request");
  }
}

}  // namespace

const Strategy kServiceAccountStrategy = {.name_check = api::check_dns1123_subdomain};
const Strategy kTokenRequestStrategy = {.set_defaults = token_defaults,
                                        .validate = validate_token_request};
const Strategy kTokenReviewStrategy = {.validate = validate_token_review};
const Strategy kSubjectAccessReviewStrategy = {.validate = validate_access};
const Strategy kLocalSubjectAccessReviewStrategy = {.validate = validate_local_access};
const Strategy kSelfSubjectAccessReviewStrategy = {.validate = validate_self_access};
const Strategy kSelfSubjectRulesReviewStrategy = {};

}  // namespace kist::apiserver
