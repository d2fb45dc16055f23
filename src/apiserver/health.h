// /healthz, /livez and /readyz: named checks, as kube-apiserver prints them.
#pragma once

#include "src/apiserver/core.h"

namespace kist::apiserver {

// False: the path is none of health's.
bool serve_health(const CallPtr& call);

}  // namespace kist::apiserver
