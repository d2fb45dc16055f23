// The config.json that `spec` writes: a shell in a closed container, to be edited.
#pragma once

#include <string>

namespace kist::runtime::oci {

std::string default_spec(bool rootless);

}  // namespace kist::runtime::oci
