// The rules that a Service must obey.
#pragma once

#include <string>
#include <vector>

#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {

void validate_service(const Value& service, FieldErrors& errors);
void validate_service_update(const Value& next, const Value& old, FieldErrors& errors);
void validate_service_status(const Value& next, const Value& old, FieldErrors& errors);
void warn_service(const Value& service, const Value* old, std::vector<std::string>& out);

}  // namespace kist::apiserver
