// What the first process of a container, or one that joins it, does between clone and exec.
#pragma once

#include "kist/runtime/launch_plan.h"
#include "kist/runtime/launcher.h"
#include "runtime/trees.h"

namespace kist::runtime {

struct ChildFiles {
  int channel = -1;  // to the launching process
  int gate = -1;     // connected, or with `gate_listens` a listening socket
  bool gate_listens = false;
  int mount_namespace = -1;  // to join; -1: it has been cloned
};

[[noreturn]] void run_container(const LaunchPlan& plan, const Trees& trees, const LaunchIo& io,
                                const ChildFiles& files);

// `kinds` are the namespaces of `pidfd` to enter.
[[noreturn]] void run_joined(const ProcessPlan& plan, int pidfd, int kinds, const LaunchIo& io,
                             const ChildFiles& files);

}  // namespace kist::runtime
