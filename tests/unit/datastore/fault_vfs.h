// A SQLite VFS over the real one whose nth write, sync, truncate or open fails.
#pragma once

namespace kist::datastore {

enum class Fault { kNone, kDiskFull, kInputOutput };

inline constexpr const char* kFaultVfs = "kist-fault";

void install_fault_vfs();                            // once per process; harmless again
void arm_fault(Fault fault, int nth, bool lasting);  // lasting: all later calls fail as well
void disarm_fault();
bool fault_fired();

}  // namespace kist::datastore
