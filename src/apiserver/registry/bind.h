// POST to the bindings resource: the older way to give a Pod its node.
#pragma once

#include "src/apiserver/core.h"

namespace kist::apiserver {

void bind_pod(const CallPtr& call);

}  // namespace kist::apiserver
