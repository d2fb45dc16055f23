// JSON values as YAML text, for clients that accept nothing else.
#pragma once

#include <string>

#include "kist/api/json.h"

namespace kist::apiserver {

std::string yaml_text(const api::Value& value);

}  // namespace kist::apiserver
