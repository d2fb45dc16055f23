// Who may do what. Until RBAC is built: system:masters and nodes everything, anybody signed in the
// discovery of the API, anybody at all its version and health.
#pragma once

#include "kist/base/result.h"
#include "src/apiserver/authn/authn.h"
#include "src/apiserver/request_info.h"

namespace kist::apiserver {

bool allowed(const Identity& user, const RequestInfo& info);

// kForbidden in Kubernetes' words: `pods is forbidden: User "x" cannot list resource "pods" in API
// group "" in the namespace "default"`.
Error forbidden(const Identity& user, const RequestInfo& info);

}  // namespace kist::apiserver
