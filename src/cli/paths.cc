#include "cli/paths.h"

#include <unistd.h>

#include <cstdlib>

namespace kist::cli {
namespace {

// $XDG_... if it is absolute, as the XDG base directory specification asks, else below $HOME.
std::string user_directory(const char* variable, const char* below_home) {
  const char* chosen = std::getenv(variable);
  if (chosen != nullptr && chosen[0] == '/') return std::string(chosen) + "/kist";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + below_home + "/kist";
}

}  // namespace

DefaultPaths default_paths() {
  std::string data = "/var/lib/kist", config = "/etc/kist";
  if (::geteuid() != 0) {
    data = user_directory("XDG_DATA_HOME", "/.local/share");
    config = user_directory("XDG_CONFIG_HOME", "/.config");
  }
  return {data, config + "/kist.yaml", config + "/config.yaml"};
}

}  // namespace kist::cli
