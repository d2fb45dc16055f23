// The last steps of a process before its program: what it may do and as whom it does it.
#pragma once

#include <string>

#include "kist/base/result.h"
#include "kist/runtime/launch_plan.h"

namespace kist::runtime {

// The program's file, as execvp would find it. kNotFound: "executable file `x` not found in $PATH".
Result<std::string> find_program(const ProcessPlan& plan);

// Working directory, labels, keyring, capabilities, ids, no_new_privs, seccomp; then the program.
// Returns only an error. `label` is an open file below /proc/self/attr, or -1; `open_files` is the
// count of descriptors that the program gets.
Error become_program(const ProcessPlan& plan, int label, int open_files);

// Limits and the OOM score of another process; what we may not set gets the nearest value and a
// warning. An error is a limit that nobody could set.
Result<> apply_limits(pid_t pid, const ProcessPlan& plan, std::vector<std::string>& warnings);

// Runs hooks in order; each reads `state` on its standard input. The first failure ends it.
Result<> run_hooks(const std::vector<HookPlan>& hooks, const std::string& state, const char* kind);

}  // namespace kist::runtime
