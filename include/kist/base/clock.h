// Time as a collaborator, so that tests bring their own.
//
// Wall time is what objects and certificates show and may jump; steady time is what waits and
// measures. Nothing that must happen depends on wall time alone: boards without an RTC begin
// in 1970.
#pragma once

#include <chrono>
#include <string>

namespace kist {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::system_clock::time_point now() const = 0;
  virtual std::chrono::steady_clock::time_point steady() const = 0;
};

// The machine's clocks. Lives as long as the program.
const Clock& system_clock();

// RFC 3339 in UTC with whole seconds, as meta/v1 Time prints: "2026-11-24T05:17:19Z".
std::string format_rfc3339(std::chrono::system_clock::time_point time);
// The same with six digits of microseconds, as meta/v1 MicroTime prints.
std::string format_rfc3339_micro(std::chrono::system_clock::time_point time);

}  // namespace kist
