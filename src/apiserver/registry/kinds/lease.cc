// Leases: who leads, and since when.
#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {
namespace {

void validate_lease(const Value& lease, FieldErrors& errors) {
  const Value& spec = at(lease, "spec");
  FieldPath path("spec");
  if (has(spec, "leaseDurationSeconds") && api::int_of(spec, "leaseDurationSeconds") <= 0) {
    errors.invalid(path.child("leaseDurationSeconds"), api::int_of(spec, "leaseDurationSeconds"),
                   "must be greater than 0");
  }
  if (has(spec, "leaseTransitions")) {
    int64_t transitions = api::int_of(spec, "leaseTransitions");
    if (transitions < 0) {
      errors.invalid(path.child("leaseTransitions"), transitions,
                     "must be greater than or equal to 0");
    }
  }
}

void validate_lease_update(const Value& next, const Value&, FieldErrors& errors) {
  validate_lease(next, errors);
}

}  // namespace

const Strategy kLeaseStrategy = {
    .validate = validate_lease,
    .validate_update = validate_lease_update,
    .name_check = api::check_dns1123_subdomain,
    .unconditional_update = false,
    .create_on_update = true,
};

}  // namespace kist::apiserver
