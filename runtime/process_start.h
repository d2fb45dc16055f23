// When a process began: with its pid, what tells it from a later one of the same number.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace kist::runtime {

// In clock ticks since boot, field 22 of /proc/PID/stat (proc(5)). 0: gone, or a zombie.
uint64_t process_start_time(pid_t pid);

}  // namespace kist::runtime
