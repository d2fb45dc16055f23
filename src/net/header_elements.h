// Headers that are comma-separated lists.
#pragma once

#include <string_view>
#include <vector>

#include "kist/net/handler.h"

namespace kist::net {

bool equal_without_case(std::string_view a, std::string_view b);
// The elements of all headers of this name, without blanks around them.
std::vector<std::string_view> header_elements(const Request& request, std::string_view name);
// Is this one of the elements, in any case?
bool header_has_token(const Request& request, std::string_view name, std::string_view token);

}  // namespace kist::net
