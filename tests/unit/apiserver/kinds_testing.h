// What the table tests of strategies, printers and admission share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kist/api/field_errors.h"
#include "kist/api/json.h"
#include "src/apiserver/registry/resource.h"

namespace kist::apiserver::testing {

// Test data is written with ' for ", which leaves it readable inside C++ strings.
api::Json json(std::string_view text);

// A base document with changes laid over it (RFC 7386), so that a row shows only what it is about.
api::Json merged(std::string_view base, std::string_view change);

// "path: message" for each error, in order.
std::vector<std::string> lines(api::FieldErrors& errors);

// Defaults, then validation.
std::vector<std::string> create_errors(const Strategy& strategy, api::Json& object);
// Defaults on both, prepare_update, then validation of the update.
std::vector<std::string> update_errors(const Strategy& strategy, api::Json& next, api::Json& old);

// The value at "spec.containers[0].image" as compact JSON; "" where there is none.
std::string value_at(const api::Value& object, std::string_view path);

}  // namespace kist::apiserver::testing
