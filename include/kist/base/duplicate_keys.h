// Keys that an object has twice: the last one counts, as for Go's decoder.
#pragma once

#include <string>
#include <vector>

#include "kist/base/json.h"

namespace kist::json {

// Removes all but the last of each key, everywhere below `root`, and appends what it found to
// `paths` (may be null) as "spec.containers[0].name". `root` must be of bounded depth.
void resolve_duplicate_keys(Value& root, Allocator& allocator, std::vector<std::string>* paths);

}  // namespace kist::json
