// `run` and `exec` that stay: signals go on to the process, its terminal to ours.
#pragma once

#include <sys/types.h>

#include <string>

#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::runtime::oci {

// Blocks the signals that are to be forwarded; call before the process is started.
Result<Fd> watch_signals();

// Until `pid` has ended; its exit code, 128 + signal if it was killed. `console` may be empty.
Result<int> follow(pid_t pid, int pidfd, const Fd& console, const Fd& signals);

// Hands the terminal's other end to whoever listens at `path`.
Result<> send_console(const std::string& path, int console);

}  // namespace kist::runtime::oci
