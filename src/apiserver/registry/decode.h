// Bodies of requests made objects, judged by fieldValidation.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kist/api/json.h"
#include "src/apiserver/core.h"

namespace kist::apiserver {

// The body as a canonical object of `kind`: JSON, YAML or protobuf. Unknown and doubled fields are
// refused, warned of on the call or ignored, as the client asks. kBadRequest,
// kUnsupportedMediaType.
Result<api::Json> decode_body(Call& call, const api::Kind& kind);

// Parses a JSON or YAML body without a type (patches).
Result<api::Json> parse_text_body(Call& call, bool yaml, std::vector<std::string>* duplicates);

// What fieldValidation does with `problems` (`unknown field "spec.foo"`). An error holds them all.
Result<> judge_fields(Call& call, const std::vector<std::string>& problems);

// kInvalid: a fieldValidation or dryRun that there is not.
Result<> check_write_options(const Call& call);

struct DeleteOptions {
  std::optional<int64_t> grace_seconds;
  std::string uid, resource_version;  // preconditions; empty: none
  std::string propagation;            // "", "Background", "Foreground", "Orphan"
  bool dry_run = false;
};

// From the query and the body, which wins. kBadRequest, kInvalid.
Result<DeleteOptions> decode_delete_options(Call& call);
Result<DeleteOptions> delete_options_of(const api::Value& options);

}  // namespace kist::apiserver
