// Logs, exec, attach and port-forward of a Pod: checked here, answered by the Pod's node.
#pragma once

#include "src/apiserver/core.h"

namespace kist::apiserver {

// May last as long as a client likes, and is not counted among the requests at a time.
bool is_node_stream(const RequestInfo& info);

// Finds Pod, container and node, and hands the exchange over in the kubelet's form of the request.
// Never blocks.
void serve_node_stream(const CallPtr& call);

}  // namespace kist::apiserver
