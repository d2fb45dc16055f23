// `kist oci`: the runtime's own front door, after the OCI runtime specification and crun's command
// line. README.md of runtime/ tells the commands.
#pragma once

#include <string>
#include <vector>

namespace kist::runtime::oci {

// Needs a process with one thread; call protect_own_binary() before. Returns the exit code: of the
// program for run and exec that stay, else 0, 1 (it failed), 2 (the command line is wrong).
int run_oci(std::vector<std::string> words);

}  // namespace kist::runtime::oci
