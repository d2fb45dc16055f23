// The verbs of resources. Each takes a call whose resource, user and format are settled and answers
// it.
//
// get(), list() and watch() may run on the transport's thread; list_is_short() says for which lists
// that is right. All others run on a worker.
#pragma once

#include <string>

#include "src/apiserver/core.h"
#include "src/apiserver/registry/decode.h"

namespace kist::apiserver {

void get(const CallPtr& call);
void list(const CallPtr& call);
bool list_is_short(const Call& call);
void watch(const CallPtr& call);

void create(const CallPtr& call);
void update(const CallPtr& call);
void patch(const CallPtr& call);
void remove(const CallPtr& call);
void remove_collection(const CallPtr& call);

// All verbs of "pods/status", "deployments/scale", ...
void subresource(const CallPtr& call);
// Creation of kinds that are answered, not stored: reviews and the bindings resource.
void create_unstored(const CallPtr& call);

// Checks resourceVersion, resourceVersionMatch, limit and the rest of ListOptions. kInvalid.
Result<> check_list_options(const Call& call, bool watching);
Result<int64_t> parse_revision(std::string_view text);  // kBadRequest
Error revision_too_large(int64_t wanted, int64_t current);

}  // namespace kist::apiserver
