// The container's file system, built by its first process in its own mount namespace.
//
// Every step takes the root as a descriptor and resolves paths below it (root_paths.h); the last
// makes it "/" and lets go of the host.
#pragma once

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/launch_plan.h"
#include "runtime/trees.h"

namespace kist::runtime {

Result<Fd> mount_root(const RootPlan& plan, const Trees& trees);
Result<> mount_all(int root, const LaunchPlan& plan, const Trees& trees);
Result<> make_devices(int root, const LaunchPlan& plan, const Trees& trees);
// The terminal `slave_number` of the container's devpts becomes /dev/console.
Result<> bind_console(int root, int slave_number);
Result<> protect_paths(int root, const LaunchPlan& plan);
Result<> enter_root(int root, const RootPlan& plan);

}  // namespace kist::runtime
