// What the generated file offers to schema.cc. Everything else uses kist/api/schema.h.
#pragma once

#include "kist/api/schema.h"

namespace kist::api {

std::span<const Kind> table_kinds();         // sorted by group, version, kind
std::span<const Type* const> table_types();  // sorted by name

}  // namespace kist::api
