// Small files of ours: read within a bound, written whole or not at all.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::roles {

// kTooLarge above `bytes_max`; else as open(2) and read(2) say, with the path in the message.
Result<std::string> read_file(const std::string& path, size_t bytes_max);

// A reader sees the old text or the new one. Missing directories are made (0755).
Result<> write_file(const std::string& path, std::string_view text, mode_t mode);

}  // namespace kist::roles
