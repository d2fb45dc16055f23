// autoscaling/v1 Scale of Deployments and ReplicaSets.
#pragma once

#include <string>
#include <string_view>

namespace kist::apiserver {

// The Scale of a stored object, as JSON.
std::string scale_text(std::string_view stored);

}  // namespace kist::apiserver
