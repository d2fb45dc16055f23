// What every request goes through, from the first byte known to the verb that answers it.
#pragma once

#include <memory>

#include "src/apiserver/core.h"

namespace kist::apiserver {

void run_pipeline(Core& core, net::Request request, std::shared_ptr<net::Exchange> exchange);

}  // namespace kist::apiserver
