// Where a container's output is kept.
#pragma once

#include <cstdint>
#include <string>

namespace kist::runtime {

// A CRI log of bounded size: PATH, and PATH.YYYYMMDD-HHMMSS for what was rotated away.
struct LogOptions {
  std::string path;                      // its directory exists
  int64_t bytes_max = 10 * 1024 * 1024;  // of one file; 0: no bound
  int files_max = 5;                     // the current one and those rotated away; at least 1
};

}  // namespace kist::runtime
