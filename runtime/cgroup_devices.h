// The kernel's side of plan_device_program().
#pragma once

#include <cstdint>
#include <vector>

#include "kist/base/result.h"

namespace kist::runtime {

// `cgroup` is a directory of cgroup v2. The program lives as long as the cgroup.
Result<> attach_device_program(int cgroup, const std::vector<uint64_t>& program);

}  // namespace kist::runtime
