// Errors as clients see them: the one place where an Error becomes a meta/v1 Status.
#pragma once

#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::apiserver {

// Which object a failure is about. Taken from the message where it begins with one
// (`namespaces "x" not found`), else from the request.
struct StatusDetails {
  std::string name, group, kind, uid;
  int retry_after_seconds = 0;
};

int http_status(Code code);
std::string_view status_reason(Code code);

// A failed Status as JSON text.
std::string failure_text(const Error& error, const StatusDetails& details);
// A successful one: what deletions answer.
std::string success_text(const StatusDetails& details, int code = 0);

// Errors whose words several places need.
Error not_found(std::string_view resource, std::string_view group, std::string_view name);
Error already_exists(std::string_view resource, std::string_view group, std::string_view name);
Error conflict(std::string_view resource, std::string_view group, std::string_view name,
               std::string_view why);
Error modified(std::string_view resource, std::string_view group, std::string_view name);
// `errors` as FieldErrors::message() words them.
Error invalid(std::string_view kind, std::string_view group, std::string_view name,
              std::string_view message, std::vector<Cause> causes);
Error bad_request(std::string message);
Error method_not_allowed();
Error no_such_resource();

}  // namespace kist::apiserver
