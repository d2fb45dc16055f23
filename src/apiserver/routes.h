// Paths that are no resources: /version, /healthz, /livez, /readyz, /metrics, /, /api, /apis,
// /openapi.
#pragma once

#include "src/apiserver/core.h"

namespace kist::apiserver {

void serve_path(const CallPtr& call);

}  // namespace kist::apiserver
