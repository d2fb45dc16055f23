// What a long-running process of ours sets up once, and how it is told to stop.
#pragma once

#include <chrono>
#include <string>

#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::roles {

// SIGTERM and SIGINT as something to wait for. Made before any thread starts, so that every thread
// inherits the blocked signals.
class StopSignals {
 public:
  static Result<StopSignals> create();

  // True: told to stop. False: the time is over, or the wall clock was set.
  Result<bool> wait(std::chrono::seconds at_most);

  // A further signal ends the process at once.
  void restore_default();

 private:
  Fd signals_, timer_;
};

// Each client is a descriptor: take as many as the hard limit gives. SIGPIPE is ignored, and new
// files are for us alone.
void prepare_process();
// Gives back to the kernel what only starting needed: reading everything stored takes a second
// copy.
void release_start_memory();

// The address of the interface with the default route, or 127.0.0.1. Sends nothing.
std::string primary_address();

}  // namespace kist::roles
