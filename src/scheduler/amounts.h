// Amounts of resources as the scheduler adds them up, and what a pod asks for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kist/api/json.h"

namespace kist::scheduler {

struct Amounts {
  int64_t cpu_milli = 0;
  int64_t memory = 0;                                     // bytes
  int64_t storage = 0;                                    // ephemeral-storage, bytes
  std::vector<std::pair<std::string, int64_t>> extended;  // sorted by name

  int64_t of(std::string_view extended_name) const;                // 0 where there is none
  void set(std::string_view resource, std::string_view quantity);  // unreadable: 0
  void add(const Amounts& other);
  void subtract(const Amounts& other);
  void raise_to(const Amounts& other);  // each amount to the larger of both
  bool nothing() const;
  bool operator==(const Amounts&) const = default;
};

// What a container without a request is taken to use when nodes are compared.
inline constexpr int64_t kGuessedCpuMilli = 100;
inline constexpr int64_t kGuessedMemory = 200 * 1024 * 1024;

enum class Missing : uint8_t { kZero, kGuessed };

// The most a pod uses at any one time: init containers run one after another beside the sidecars
// started before them, then all containers run beside all sidecars. Overhead included.
Amounts pod_requests(const api::Value& pod, Missing missing);

}  // namespace kist::scheduler
