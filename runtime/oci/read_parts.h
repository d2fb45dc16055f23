// Parts of config.json that stand alone as well.
#pragma once

#include "kist/runtime/container_spec.h"
#include "runtime/oci/field.h"

namespace kist::runtime::oci {

Result<> read_process_fields(const Field& field, ProcessSpec& process);
Result<> read_resource_fields(const Field& field, ResourceSpec& resources);
Result<> read_seccomp(const Field& field, SeccompSpec& seccomp);
Result<> read_id_mappings(const Field& list, std::vector<IdMapping>& mappings);

}  // namespace kist::runtime::oci
