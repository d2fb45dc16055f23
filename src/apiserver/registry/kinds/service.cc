// Services.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kServiceStrategy = {.create_on_update = true};

}  // namespace kist::apiserver
