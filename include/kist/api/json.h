// JSON and YAML in memory, as the API's code names them: kist/base/json.h, and YAML beside it.
#pragma once

#include "kist/base/json.h"

namespace kist::api {

using namespace json;  // api::Value, api::find, ...: one set of helpers for the whole program

// One YAML document in YAML 1.1 as sigs.k8s.io/yaml reads it, made JSON. Aliases are bounded.
Result<Json> parse_yaml(std::string_view text, std::vector<std::string>* duplicates = nullptr,
                        const ParseLimits& limits = {});

}  // namespace kist::api
