// Leases.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kLeaseStrategy = {.unconditional_update = false, .create_on_update = true};

}  // namespace kist::apiserver
