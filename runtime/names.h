// Words of specs and the kernel's numbers for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kist/runtime/container_spec.h"

namespace kist::runtime {

constexpr int kCapabilityCount = 41;
std::optional<int> capability_number(std::string_view name);  // "CAP_KILL" -> 5
std::string_view capability_name(int number);
std::optional<int> rlimit_number(std::string_view name);  // "RLIMIT_NOFILE"
uint64_t namespace_flag(NamespaceKind kind);              // CLONE_NEW*
std::string_view namespace_word(NamespaceKind kind);      // "network"
std::string_view namespace_file(NamespaceKind kind);      // "net", below /proc/PID/ns
std::optional<NamespaceKind> namespace_kind(std::string_view word);
std::optional<int> signal_number(std::string_view text);  // "9", "KILL", "SIGKILL", "RTMIN+1"

// What one mount option means. `recursive` options are those of the 1.1 specification ("rro").
struct MountOption {
  std::string_view name;
  enum class Effect : uint8_t {
    kSet,
    kClear,
    kPropagation,
    kBind,
    kCopyUp,
    kIdmap,
    kNothing
  } effect;
  uint64_t value = 0;  // MOUNT_ATTR_* or MS_*
  bool recursive = false;
};
const MountOption* find_mount_option(std::string_view name);
const std::vector<MountOption>& mount_options();

}  // namespace kist::runtime
