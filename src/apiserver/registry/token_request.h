// serviceaccounts/<name>/token: a signed token for a service account.
#pragma once

#include "src/apiserver/core.h"

namespace kist::apiserver {

void request_token(const CallPtr& call);

}  // namespace kist::apiserver
