// Paths below a container's root that nobody inside can bend to a place outside.
//
// Symbolic links are taken as the container will see them; ".." stops at the root; magic links of
// /proc are never followed. What is returned is an O_PATH descriptor: later steps work on it and
// look nothing up again.
#pragma once

#include <string_view>

#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::runtime {

enum class Create : uint8_t { kNothing, kDirectory, kFile };

// Opens `path` below `root`. Missing parts are made (0755) when `create` says so.
Result<Fd> open_in_root(int root, std::string_view path, Create create = Create::kNothing);

// The directory that holds the last part of `path`, made where missing.
Result<Fd> open_parent_in_root(int root, std::string_view path);

std::string_view last_part(std::string_view path);

}  // namespace kist::runtime
