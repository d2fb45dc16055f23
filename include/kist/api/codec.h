// From outside bytes to checked objects and back, over the schema's tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kist/api/json.h"
#include "kist/api/schema.h"
#include "kist/base/result.h"

namespace kist::api {

enum class FieldValidation : uint8_t { kIgnore, kWarn, kStrict };

// Checks `object` against `type` and makes it canonical in place: members in schema order, unknown
// members pruned, nulls dropped, times, quantities and int-or-strings in canonical text, base64
// checked, what Go's omitempty leaves out left out, what it writes as zero or null written.
// kBadRequest in Go's decoder's words ("json: cannot unmarshal string into Go struct field
// DeploymentSpec.spec.replicas of type int32"). Unknown fields go to `unknown` as
// `unknown field "spec.foo"`.
Result<> canonicalize(const Type& type, Value& object, Allocator& allocator,
                      std::vector<std::string>* unknown);

// Fills in the defaults that the schema declares, everywhere below `object`.
void apply_declared_defaults(const Type& type, Value& object, Allocator& allocator);

// Protobuf message of `type`, without the envelope.
std::string encode_protobuf(const Type& type, const Value& object);
Result<Json> decode_protobuf(const Type& type, std::string_view bytes);

// The "k8s\0" envelope (runtime.Unknown): magic, apiVersion, kind, raw.
struct Envelope {
  std::string api_version, kind;
  std::string_view raw;  // into the bytes given
  std::string content_type, content_encoding;
};
Result<Envelope> open_envelope(std::string_view bytes);
std::string seal_envelope(std::string_view api_version, std::string_view kind,
                          std::string_view raw);

}  // namespace kist::api
