// The plugins that complete a Pod: its account and token, tolerations and priority.
#pragma once

#include <string_view>

#include "src/apiserver/admission/plugins.h"

namespace kist::apiserver {

// "pods \"x\" is forbidden: why"
Error forbidden(const Attributes& attributes, std::string_view why);

Result<> admit_service_account(const Attributes& attributes, api::Value& pod,
                               api::Allocator& allocator, ObjectReader& reader);
Result<> admit_default_tolerations(const Attributes& attributes, api::Value& pod,
                                   api::Allocator& allocator, ObjectReader& reader);
Result<> admit_priority(const Attributes& attributes, api::Value& pod, api::Allocator& allocator,
                        ObjectReader& reader);

}  // namespace kist::apiserver
