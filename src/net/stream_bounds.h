// The bounds that kist/net/streams.h promises.
#pragma once

#include <cstddef>

namespace kist::net {

// More than this of one direction does not wait in memory; what waits for it goes on at the other.
inline constexpr size_t kWaitingMax = 256 * 1024;
inline constexpr size_t kWaitingLittle = 64 * 1024;

}  // namespace kist::net
