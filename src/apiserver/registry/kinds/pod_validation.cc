// The rules of a PodSpec as a whole.
#include "src/apiserver/registry/kinds/pod_spec.h"

namespace kist::apiserver {

void validate_pod_spec(const Value&, const FieldPath&, const PodSpecContext&, FieldErrors&) {}
void validate_pod_template(const Value&, const FieldPath&, FieldErrors&) {}
void validate_pod_metadata(const Value&, const FieldPath&, FieldErrors&) {}
void validate_pod_update(const Value&, const Value&, FieldErrors&) {}
void validate_ephemeral_update(const Value&, const Value&, FieldErrors&) {}
void validate_resources(const Value&, const FieldPath&, FieldErrors&) {}
void warn_pod_spec(const Value&, std::string_view, std::vector<std::string>&) {}

}  // namespace kist::apiserver
