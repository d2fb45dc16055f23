// The monitor's address: a SOCK_SEQPACKET unix socket in its directory, which may lie deeper than
// the 108 bytes of sun_path: both ends go through a descriptor of the directory.
#pragma once

#include <string>

#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::runtime {

Result<Fd> connect_to_monitor(const std::string& directory);  // kUnavailable: nobody serves there
// Root only. The caller holds the directory's lock, so what lies there is left over.
Result<Fd> listen_as_monitor(const std::string& directory);
// kConflict: another monitor serves that directory. Held as long as the descriptor is open.
Result<Fd> lock_directory(const std::string& directory);

}  // namespace kist::runtime
