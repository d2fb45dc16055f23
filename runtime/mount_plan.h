// One mount of a spec -> what the kernel is asked. Pure.
#pragma once

#include <string>

#include "kist/base/result.h"
#include "kist/runtime/container_spec.h"
#include "kist/runtime/launch_plan.h"

namespace kist::runtime {

// `field` is "mounts[3]". kInvalid names it.
Result<MountPlan> plan_mount(const MountSpec& mount, const ContainerSpec& spec,
                             const std::string& field);

// Lines for /proc/PID/uid_map. kInvalid: overlapping or empty ranges.
Result<std::string> plan_id_map(const std::vector<IdMapping>& mappings, const std::string& field);

}  // namespace kist::runtime
