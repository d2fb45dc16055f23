// Pseudo terminals of a container: made in its own devpts.
#pragma once

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/launch_plan.h"

namespace kist::runtime {

struct Terminal {
  Fd master, slave;
  int number = -1;  // /dev/pts/N
};
// `root` is the container's root. kInvalid: its /dev/pts/ptmx is no such thing.
Result<Terminal> open_terminal(int root, const ProcessPlan& plan);

// Makes it standard input, output and error, and the terminal of our session.
Result<> use_terminal(Terminal terminal);

}  // namespace kist::runtime
