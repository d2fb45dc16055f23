// The three ways to patch an object. All work on decoded values and leave `object` unspecified on
// error. Server-side apply joins them later.
#pragma once

#include "kist/api/json.h"
#include "kist/api/schema.h"
#include "kist/base/result.h"

namespace kist::api {

// RFC 6902: add, remove, replace, move, copy, test. kInvalid where a test fails or a path is
// missing (Kubernetes answers 422), kBadRequest where the patch itself is malformed.
Result<> apply_json_patch(Value& object, const Value& patch, Allocator& allocator);

// RFC 7386.
void apply_merge_patch(Value& object, const Value& patch, Allocator& allocator);

// Kubernetes' strategic merge: lists by merge key, $patch (replace, delete, merge), $retainKeys,
// $deleteFromPrimitiveList, $setElementOrder (apimachinery util/strategicpatch).
Result<> apply_strategic_patch(const Type& type, Value& object, const Value& patch,
                               Allocator& allocator);

}  // namespace kist::api
