// What a deletion does to an object; evictions and namespaces decide the same way.
#pragma once

#include "src/apiserver/registry/change.h"
#include "src/apiserver/registry/decode.h"

namespace kist::apiserver {

// Removes it, or marks it where finalizers or a grace period hold it. kConflict: preconditions.
Result<Decision> decide_deletion(Call& call, const Served& served, const ObjectPtr& current,
                                 const DeleteOptions& options);

bool deletion_answers_object(const Served& served);

}  // namespace kist::apiserver
