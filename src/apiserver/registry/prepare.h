// What an object goes through between being decoded and being stored: system fields, defaults,
// admission, the strategy's preparation and validation, canonical order.
#pragma once

#include "src/apiserver/registry/change.h"

namespace kist::apiserver {

// From the served version to the stored one, in place.
void to_storage(const Served& served, api::Value& object, api::Allocator& allocator);

// A new object (stored form), ready to be written under metadata.name. Warnings go to the call.
Result<Decision> prepare_create(Call& call, const Served& served, std::string_view namespace_name,
                                api::Json& next);

// `next` (stored form) over `old`. `subresource`: empty, "status", or another that shows the
// object.
Result<Decision> prepare_update(Call& call, const Served& served, std::string_view subresource,
                                const ObjectPtr& current, api::Json& old, api::Json& next);

// Runs admission with the call's user.
Result<Reservation> admit(Call& call, const Served& served, Operation operation,
                          std::string_view subresource, std::string_view namespace_name,
                          std::string_view name, api::Json& object, const api::Value* old,
                          bool dry_run);

// metadata.name and .namespace against the URL. kBadRequest.
Result<> check_name(const api::Value& object, std::string_view name);
Result<> check_namespace(const api::Value& object, std::string_view namespace_name);

}  // namespace kist::apiserver
