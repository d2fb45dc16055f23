// Requests of the server to itself: through the same pipeline, as system:apiserver.
#pragma once

#include <functional>
#include <string>

#include "src/apiserver/core.h"

namespace kist::apiserver {

net::Request local_request(std::string method, std::string path, std::string body);

// `done` gets HTTP status and body; on a worker or the store's thread.
void run_local(Core& core, net::Request request, std::function<void(int, std::string)> done);

}  // namespace kist::apiserver
