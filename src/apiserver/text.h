// Small writers of JSON text, for answers that are put together rather than parsed.
#pragma once

#include <string>
#include <string_view>

namespace kist::apiserver {

// `text` with quotes and escapes.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

// Go's %q, as error messages show values.
std::string quoted(std::string_view text);

// "pods", or "deployments.apps" where there is a group.
std::string qualified(std::string_view name, std::string_view group);

bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);

}  // namespace kist::apiserver
