// Kernel switches as files below /proc/sys/net.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::cni {

// Writes only what differs, so that a read-only /proc that is right already is no error. The
// switches of a thread's own network namespace are meant.
Result<> set_sysctl(const std::filesystem::path& file, std::string_view value);

}  // namespace kist::cni
