// PUT and PATCH of an object, whole or through a subresource that shows it.
#pragma once

#include <functional>

#include "src/apiserver/registry/change.h"

namespace kist::apiserver {

// `subresource`: empty, "status", "finalize", "ephemeralcontainers".
void modify_by_body(const CallPtr& call, std::string_view subresource);
void modify_by_patch(const CallPtr& call, std::string_view subresource);

// A patch of any of the three kinds, decoded once and applied to as many values as need be.
class Patch {
 public:
  // kUnsupportedMediaType, kBadRequest.
  static Result<Patch> of(Call& call);
  // kInvalid, kBadRequest.
  Result<> apply(const api::Type& type, api::Value& object, api::Allocator& allocator) const;
  const std::string& text() const { return text_; }

 private:
  enum class Kind : uint8_t { kJson, kMerge, kStrategic };
  Kind kind_ = Kind::kJson;
  std::shared_ptr<api::Json> json_;
  std::string text_;
};

// The revision and uid that a client's object names against the stored one's. kConflict, kInvalid.
Result<> check_preconditions(const Served& served, const Object& current,
                             const api::Value& metadata, bool needs_revision);

}  // namespace kist::apiserver
