// Times as objects show them.
#pragma once

#include <cstdint>
#include <string_view>

namespace kist::client {

// Unix seconds of an RFC 3339 text in UTC, as the API server prints times; 0: none or unreadable.
int64_t unix_seconds(std::string_view rfc3339);

}  // namespace kist::client
