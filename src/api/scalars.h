// The scalars of Kubernetes' JSON that are more than a JSON scalar: times, durations, UTF-8.
//
// Pure functions. Error messages are those of Go's time and encoding packages, because clients see
// them; codes are kBadRequest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::api {

struct Instant {
  int64_t seconds = 0;  // since 1970, UTC
  int32_t nanos = 0;    // 0..999999999
};

// RFC 3339, any zone, with or without a fraction of a second.
Result<Instant> parse_instant(std::string_view text);
bool in_range(Instant instant);                     // years 0 to 9999, whole nanos
std::string format_instant(Instant instant);        // meta/v1 Time: whole seconds, UTC
std::string format_instant_micro(Instant instant);  // meta/v1 MicroTime: six digits, UTC

// Go's durations in nanoseconds: "1h2m3.5s", "-1.5h", "300ms".
Result<int64_t> parse_duration(std::string_view text);
std::string format_duration(int64_t nanos);

bool valid_utf8(std::string_view text);

}  // namespace kist::api
