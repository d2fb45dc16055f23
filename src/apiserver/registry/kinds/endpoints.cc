// Endpoints and EndpointSlices.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kEndpointsStrategy = {.create_on_update = true};
const Strategy kEndpointSliceStrategy = {.generation = true};

}  // namespace kist::apiserver
