// config.json of an OCI bundle -> ContainerSpec.
#pragma once

#include <string>
#include <string_view>

#include "kist/base/result.h"
#include "kist/runtime/container_spec.h"

namespace kist::runtime::oci {

// Every error is kInvalid and names the field: "process.rlimits[0].hard: must be a number". What the
// specification has and we do not support is refused when it could weaken the container, and
// otherwise ignored, as the specification wants of unknown members.
Result<ContainerSpec> read_spec(std::string_view text);
Result<ProcessSpec> read_process(std::string_view text);     // a process.json, for exec
Result<ResourceSpec> read_resources(std::string_view text);  // for update

}  // namespace kist::runtime::oci
