// Small files of cgroupfs, and of the directories that stand for it in tests.
#pragma once

#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::runtime {

Result<> write_file(const std::string& path, std::string_view text);
// Empty where there is none. At most 1 MiB, without the last newline.
std::string read_file(const std::string& path);
uint64_t read_number(const std::string& path);  // "max", none: UINT64_MAX
// The number behind `key` of a file of "key number" lines, else 0.
uint64_t read_keyed(const std::string& path, std::string_view key);

}  // namespace kist::runtime
