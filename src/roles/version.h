// What this build is: asked by `kist version` and told by /version.
#pragma once

#include "kist/apiserver/server.h"

namespace kist::roles {

apiserver::Version build_version();

}  // namespace kist::roles
