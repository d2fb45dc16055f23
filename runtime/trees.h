// Everything of the host that a container will see, opened before it is cloned.
//
// Mounts are made detached (open_tree, fsmount): nothing of them ever shows on the host, they need
// the host's rights only here, and the child has no host path left to look up.
#pragma once

#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/cgroup.h"
#include "kist/runtime/launch_plan.h"

namespace kist::runtime {

struct Trees {
  Fd root;                 // detached root file system; empty: an old kernel, see mount_root()
  std::vector<Fd> mounts;  // one for each mount of the plan; filled for binds
  std::vector<std::pair<std::string, Fd>> cgroups;  // name in the container, tree
  std::vector<Fd> devices;  // one for each device of the plan, where nodes cannot be made
};

Result<Trees> open_trees(const LaunchPlan& plan, const CgroupHost& host, const Cgroup& cgroup);

// On a detached or attached mount. Old kernels: a remount, not recursive.
Result<> set_mount_attributes(int mount, uint64_t set, uint64_t clear, uint64_t propagation,
                              bool recursive);

}  // namespace kist::runtime
