// Events, and the two forms they are served in.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kEventStrategy = {.create_on_update = true};

void event_to_core(api::Value&, api::Allocator&) {}
void event_from_core(api::Value&, api::Allocator&) {}

}  // namespace kist::apiserver
