// Random bytes of the kernel, and the names made of them.
#pragma once

#include <cstddef>
#include <string>

namespace kist {

std::string random_bytes(size_t count);         // getrandom(2)
std::string random_uuid();                      // RFC 4122 version 4, lower case
std::string random_name_suffix(size_t length);  // letters that make no words, as generateName adds

}  // namespace kist
