// Entity tags of documents made on demand: the SHA-512 of their bytes.
#pragma once

#include <string>
#include <string_view>

namespace kist::apiserver {

std::string etag_of(std::string_view body);  // with its quotes

}  // namespace kist::apiserver
