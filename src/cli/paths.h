// Where things are when no flag says so: the system's places for root, the user's own (XDG) else.
#pragma once

#include <string>

namespace kist::cli {

struct DefaultPaths {
  std::string data_dir;    // /var/lib/kist or ~/.local/share/kist
  std::string kubeconfig;  // /etc/kist/kist.yaml or ~/.config/kist/kist.yaml
  std::string config;      // /etc/kist/config.yaml or ~/.config/kist/config.yaml
};

DefaultPaths default_paths();

}  // namespace kist::cli
